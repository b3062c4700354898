"""`cc_grpc_library` as upstream's gRPC defines it, on the packaged protoc and plugin."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def _generate_impl(ctx):
    outputs = []
    for source in ctx.attr.srcs:
        info = source[ProtoInfo]
        for proto in info.direct_sources:
            stem = proto.basename[:-len(".proto")]
            outs = [
                ctx.actions.declare_file(stem + suffix, sibling = proto)
                for suffix in (".grpc.pb.h", ".grpc.pb.cc")
            ]
            out_dir = ctx.bin_dir.path + ("/" + proto.owner.workspace_root if proto.owner.workspace_root else "")
            args = ctx.actions.args()
            args.add("--plugin=protoc-gen-grpc=" + ctx.executable._plugin.path)
            args.add("--grpc_out=" + out_dir)
            for path in info.transitive_proto_path.to_list():
                args.add("-I" + path)
            args.add(proto)
            ctx.actions.run(
                executable = ctx.executable._protoc,
                arguments = [args],
                inputs = info.transitive_sources,
                tools = [ctx.executable._plugin],
                outputs = outs,
                mnemonic = "GrpcCompile",
            )
            outputs += outs
    return [DefaultInfo(files = depset(outputs))]

_generate = rule(
    implementation = _generate_impl,
    attrs = {
        "srcs": attr.label_list(providers = [ProtoInfo], mandatory = True),
        "_protoc": attr.label(default = "@com_google_protobuf//:protoc", executable = True, cfg = "exec", allow_single_file = True),
        "_plugin": attr.label(default = "@com_github_grpc_grpc//:grpc_cpp_plugin", executable = True, cfg = "exec", allow_single_file = True),
    },
    output_to_genfiles = True,
)

def cc_grpc_library(name, srcs, deps, grpc_only = True, **kwargs):
    """The C++ service stubs of `srcs`.

    Args:
      name: the library.
      srcs: one proto_library.
      deps: its cc_proto_library.
      grpc_only: as upstream; only True is offered here, messages come from `deps`.
      **kwargs: passed to cc_library.
    """
    if not grpc_only:
        fail("cc_grpc_library {}: only grpc_only = True is supported".format(name))
    _generate(name = name + "_generated", srcs = srcs, visibility = ["//visibility:private"])
    cc_library(
        name = name,
        srcs = [":" + name + "_generated"],
        hdrs = [":" + name + "_generated"],
        copts = ["-w"],
        deps = deps + ["@com_github_grpc_grpc//:grpc++_unsecure"],
        **kwargs
    )
