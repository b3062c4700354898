# SPDX-License-Identifier: Apache-2.0
"""The gRPC door, driven by Python's grpc with messages from the server's reflection-free proto."""

import signal
import unittest

import grpc

from backdoor import control_pb2
from tests.support.demo import DEADLINE, Demo


def execute(channel, command):
    call = channel.unary_stream(
        "/bergen.backdoor.v1.Control/Execute",
        request_serializer=control_pb2.ExecuteRequest.SerializeToString,
        response_deserializer=control_pb2.ExecuteReply.FromString,
    )
    request = control_pb2.ExecuteRequest(command=command)
    return "".join(reply.text for reply in call(request, timeout=DEADLINE))


class GrpcDoorTest(unittest.TestCase):
    def test_commands_run_over_a_unix_socket(self):
        with Demo() as demo:
            with grpc.insecure_channel(f"unix:{demo.folder}/grpc.sock") as channel:
                self.assertIn("prof", execute(channel, "help"))
                self.assertIn("Thread", execute(channel, "pnt()"))
                with self.assertRaises(grpc.RpcError) as error:
                    execute(channel, "no_such_thing")
                self.assertEqual(error.exception.code(), grpc.StatusCode.NOT_FOUND)
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)

    def test_the_door_stays_open_across_a_reload(self):
        with Demo() as demo:
            address = f"unix:{demo.folder}/grpc.sock"
            with grpc.insecure_channel(address) as channel:
                execute(channel, "help")
            demo.signal(signal.SIGHUP)
            demo.log.wait_for("phase: running", count=2)
            with grpc.insecure_channel(address) as channel:
                self.assertIn("prof", execute(channel, "help"))


if __name__ == "__main__":
    unittest.main()
