# SPDX-License-Identifier: Apache-2.0
"""A gRPC client that knows a service only by what the server's reflection says.

    control = reflected(channel, "bergen.backdoor.v1.Control")
    control.ListTasks(timeout=5).tasks
    for reply in control.Execute(command="help", timeout=5): ...
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

METHOD = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def _reply_type():
    """grpc.reflection.v1alpha.ServerReflectionResponse, as far as it is read here."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection_reply.proto", package="reflected")
    files = file.message_type.add(name="Files")
    files.field.add(name="file", number=1, type=12, label=3)  # repeated bytes
    reply = file.message_type.add(name="Reply")
    field = reply.field.add(name="files", number=4, type=11, label=1)  # message
    field.type_name = ".reflected.Files"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return factory.GetPrototype(pool.FindMessageTypeByName("reflected.Reply"))


def _ask(channel, tag, text):
    call = channel.stream_stream(
        METHOD, request_serializer=bytes, response_deserializer=_reply_type().FromString
    )
    request = bytes([tag << 3 | 2, len(text)]) + text.encode()
    (reply,) = call(iter([request]), timeout=30)
    return [descriptor_pb2.FileDescriptorProto.FromString(file) for file in reply.files.file]


class reflected:
    """The methods of `service`, each called with its request's fields by name."""

    def __init__(self, channel, service):
        pool = descriptor_pool.DescriptorPool()
        for file in _ask(channel, 4, service):  # file_containing_symbol
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        for method in pool.FindServiceByName(service).methods:
            request = factory.GetPrototype(method.input_type)
            kind = channel.unary_stream if method.server_streaming else channel.unary_unary
            call = kind(
                f"/{service}/{method.name}",
                request_serializer=request.SerializeToString,
                response_deserializer=factory.GetPrototype(method.output_type).FromString,
            )
            setattr(self, method.name, self._method(call, request))

    @staticmethod
    def _method(call, request):
        return lambda timeout, **fields: call(request(**fields), timeout=timeout)
