"""Repositories built from a Debian source package."""

def _debian_source_repository_impl(rctx):
    script = rctx.path(rctx.attr._script)
    result = rctx.execute(["bash", str(script), rctx.attr.package], timeout = 900, quiet = False)
    if result.return_code:
        fail("{}: {}".format(rctx.name, result.stderr))
    source = rctx.path(result.stdout.strip())
    for entry in source.readdir():
        if entry.basename not in ["BUILD", "WORKSPACE", "debian"]:
            rctx.symlink(entry, entry.basename)

    build = source.get_child("BUILD")
    if build.exists:
        text = rctx.read(build)
        for old, new in rctx.attr.build_replacements.items():
            if old not in text:
                fail("{}: {} is not in its BUILD file".format(rctx.name, old))
            text = text.replace(old, new)
        rctx.file("BUILD", text, executable = False)
    rctx.file("WORKSPACE", "workspace(name = \"{}\")\n".format(rctx.name), executable = False)

debian_source_repository = repository_rule(
    implementation = _debian_source_repository_impl,
    doc = "The source of a Debian package that carries its own BUILD files, fetched and checked by tools/debian_source.sh.",
    attrs = {
        "package": attr.string(mandatory = True, doc = "Debian source package."),
        "build_replacements": attr.string_dict(doc = "Exact texts of the root's BUILD file and what they become."),
        "_script": attr.label(default = "@bergen//tools:debian_source.sh"),
    },
    environ = ["BERGEN_CACHE", "HOME", "XDG_CACHE_HOME"],
)
