# SPDX-License-Identifier: Apache-2.0
"""All doors of one process, by clients that nobody here wrote: nc, Python's gRPC and pstats."""

import io
import os
import pathlib
import pstats
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import grpc

from backdoor import control_pb2
from backdoor.control_client_for_test import DEADLINE, SERVICE, execute, list_commands

DOOR = os.path.join(os.environ["TEST_SRCDIR"], "bergen/backdoor/door_for_test")
FAREWELL = "now exiting InteractiveConsole...\n"


class DoorsTest(unittest.TestCase):
    def setUp(self):
        # Short, for the names of sockets.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="doors.", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.process = subprocess.Popen(
            [DOOR, self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.end_process)
        self.port = int(self.process.stdout.readline())

    def end_process(self):
        self.process.communicate(timeout=DEADLINE)
        self.assertEqual(self.process.returncode, 0)

    def shell(self, command):
        return subprocess.run(
            command, shell=True, check=True, capture_output=True, text=True, timeout=DEADLINE
        ).stdout

    def channel(self):
        return grpc.insecure_channel(f"unix:{self.folder}/grpc.sock")

    def test_a_profile_is_taken_through_nc_and_read_with_pstats(self):
        said = self.shell(f'echo "prof()" | nc localhost {self.port}')
        self.assertRegex(said, r"\Arecording, 99 samples")
        self.assertTrue(said.endswith(FAREWELL), said)
        said = self.shell(f"echo \"prof('neutron')\" | nc localhost {self.port}")
        path = self.folder / "neutron.prof"
        self.assertRegex(said, rf"\Awrote {path} \(\d+ samples")

        out = io.StringIO()
        stats = pstats.Stats(str(path), stream=out)
        stats.sort_stats("tottime").print_stats()
        stats.print_callers("Fibonacci")
        stats.print_callees("ComputeUntil")
        self.assertIn("bergen::backdoor::Fibonacci", out.getvalue())
        own = {key[2]: entry[2] for key, entry in stats.stats.items()}
        self.assertGreater(own["bergen::backdoor::Fibonacci"], sum(own.values()) / 2)
        (fibonacci,) = [entry for key, entry in stats.stats.items() if key[2].endswith("Fibonacci")]
        self.assertTrue([caller for caller in fibonacci[4] if "ComputeUntil" in caller[2]])

    def test_nc_half_closing_and_over_a_unix_socket(self):
        said = self.shell(f"printf 'exit' | nc -N localhost {self.port}")
        self.assertEqual(said, "Don't use this, just disconnect instead\n" + FAREWELL)
        said = self.shell(f"printf 'help\\r\\npnt\\r\\n' | nc -N -U {self.folder}/text.sock")
        self.assertIn("prof(name=", said)
        self.assertIn("Fibonacci", said)

    def test_a_person_gets_a_banner_and_stays(self):
        with socket.create_connection(("localhost", self.port), DEADLINE) as door:
            stream = door.makefile("rw", newline="\n")

            def prompt():
                text = ""
                while not text.endswith(">>> "):
                    piece = stream.read(1)
                    self.assertTrue(piece, text)
                    text += piece
                return text

            self.assertIn("(InteractiveConsole)\n>>> ", prompt())
            for command in ("1+1", "no_such_thing", "exit()"):
                stream.write(command + "\n")
                stream.flush()
                self.assertTrue(prompt())

    def test_grpc_runs_the_same_commands(self):
        with self.channel() as channel:
            self.assertIn("prof(name=", execute(channel, "help"))
            self.assertIn("Fibonacci", execute(channel, "pnt()"))
            with self.assertRaises(grpc.RpcError) as error:
                execute(channel, "prfo()")
            self.assertEqual(error.exception.code(), grpc.StatusCode.NOT_FOUND)
            self.assertIn("did you mean prof?", error.exception.details())

    def test_grpc_lists_the_commands(self):
        with self.channel() as channel:
            commands = list_commands(channel)
        (prof,) = [command for command in commands if command.name == "prof"]
        self.assertTrue(prof.changes_state)
        self.assertEqual(prof.role, control_pb2.ROLE_OPERATE)
        self.assertEqual(
            [one.name for one in prof.parameters],
            ["name", "hz", "clock", "seconds", "formats", "mode"],
        )

    def test_grpc_tells_its_health_and_what_it_serves(self):
        raw = {"request_serializer": bytes, "response_deserializer": bytes}
        with self.channel() as channel:
            health = channel.unary_unary("/grpc.health.v1.Health/Check", **raw)
            # Field 1, the status: 1 is SERVING.
            self.assertEqual(health(b"", timeout=DEADLINE), b"\x08\x01")
            reflect = channel.stream_stream(
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", **raw
            )
            # Field 7, list_services, with an empty text.
            (answer,) = reflect(iter([b"\x3a\x00"]), timeout=DEADLINE)
            self.assertIn(SERVICE.encode(), answer)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
