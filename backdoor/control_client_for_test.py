# SPDX-License-Identifier: Apache-2.0
"""Calls of the gRPC door by Python's grpc, with messages from its proto."""

from backdoor import control_pb2

SERVICE = "bergen.backdoor.v1.Control"
DEADLINE = 30.0  # Seconds; a safety net, never what a test measures.


def execute(channel, command):
    """The whole answer of a command."""
    call = channel.unary_stream(
        f"/{SERVICE}/Execute",
        request_serializer=control_pb2.ExecuteRequest.SerializeToString,
        response_deserializer=control_pb2.ExecuteReply.FromString,
    )
    request = control_pb2.ExecuteRequest(command=command)
    return "".join(reply.text for reply in call(request, timeout=DEADLINE))


def list_commands(channel):
    call = channel.unary_unary(
        f"/{SERVICE}/ListCommands",
        request_serializer=control_pb2.ListCommandsRequest.SerializeToString,
        response_deserializer=control_pb2.ListCommandsReply.FromString,
    )
    return call(control_pb2.ListCommandsRequest(), timeout=DEADLINE).commands
