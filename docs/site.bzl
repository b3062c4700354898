"""The documentation as a directory of HTML."""

def _site_impl(ctx):
    directory = ctx.actions.declare_directory(ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add(directory.path)
    arguments.add_all(ctx.files.srcs)
    ctx.actions.run(
        outputs = [directory],
        inputs = ctx.files.srcs,
        arguments = [arguments],
        executable = ctx.executable._generator,
        mnemonic = "Site",
        progress_message = "Rendering the documentation",
    )
    return [DefaultInfo(
        files = depset([directory]),
        runfiles = ctx.runfiles([directory]),
    )]

site = rule(
    implementation = _site_impl,
    doc = "A directory, whose index.html a browser opens from disk.",
    attrs = {
        "srcs": attr.label_list(
            allow_files = True,
            doc = "Pages and what they load.",
            mandatory = True,
        ),
        "_generator": attr.label(cfg = "exec", default = ":site_generator", executable = True),
    },
)
