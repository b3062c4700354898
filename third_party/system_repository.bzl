"""Repositories made of what Debian has installed."""

_HEADER = """# Made by @bergen//third_party:system_repository.bzl: libraries of the system.

load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])
"""

def _quoted(items):
    return "[" + ", ".join(["\"" + item + "\"" for item in items]) + "]"

def _system_repository_impl(rctx):
    root = _HEADER
    source = rctx.attr.thread_sanitizer_source
    if source:
        root += """
config_setting(
    name = "thread_sanitizer",
    define_values = {"bergen_sanitizer": "thread"},
)
"""
    root += """
cc_library(
    name = "{name}_system",
    defines = {defines},
    linkopts = {linkopts},
    deps = {deps},
)
""".format(
        name = rctx.name,
        defines = _quoted(rctx.attr.defines),
        linkopts = _quoted(rctx.attr.linkopts),
        deps = _quoted(rctx.attr.deps),
    )

    for package, targets in rctx.attr.packages.items():
        text = ""
        for target in targets:
            system = "@{0}//:{0}_system".format(rctx.name)
            deps = _quoted([system])
            if source:
                deps = "select({{\"@{repo}//:thread_sanitizer\": [\"{source}//{package}:{target}\", \"@bergen//tools:tsan_suppressions\"], \"//conditions:default\": [\"{system}\"]}})".format(
                    repo = rctx.name,
                    source = source,
                    package = package,
                    target = target,
                    system = system,
                )
            text += "\ncc_library(\n    name = \"{}\",\n    deps = {},\n)\n".format(target, deps)
        if package:
            rctx.file(package + "/BUILD", _HEADER + text, executable = False)
        else:
            root += text

    for name, program in rctx.attr.tools.items():
        path = rctx.which(program)
        if not path:
            fail("{}: the program {} is not installed; ./bazelw installs what is missing".format(rctx.name, program))
        rctx.symlink(path, "bin/" + name)
        root += "\nalias(\n    name = \"{name}\",\n    actual = \":bin/{name}\",\n)\n".format(name = name)

    for package, aliases in rctx.attr.tool_aliases.items():
        name, _, target = aliases.partition("=")
        rctx.file(package + "/BUILD", _HEADER + "\nalias(\n    name = \"{}\",\n    actual = \"//:{}\",\n)\n".format(name, target), executable = False)

    for path, template in rctx.attr.bzl_files.items():
        rctx.template(path, Label(template), executable = False)
        rctx.file(path.rpartition("/")[0] + "/BUILD", "", executable = False)

    rctx.file("BUILD", root + rctx.attr.extra_build, executable = False)
    rctx.file("WORKSPACE", "workspace(name = \"{}\")\n".format(rctx.name), executable = False)

system_repository = repository_rule(
    implementation = _system_repository_impl,
    doc = "Targets for installed libraries. Headers are found on the compiler's own path.",
    local = True,
    attrs = {
        "packages": attr.string_list_dict(doc = "Package to its library targets; \"\" is the root."),
        "linkopts": attr.string_list(),
        "defines": attr.string_list(),
        "deps": attr.string_list(),
        "tools": attr.string_dict(doc = "Target to the program on PATH that it stands for."),
        "tool_aliases": attr.string_dict(doc = "Package to NAME=TARGET, an alias of a tool of the root."),
        "bzl_files": attr.string_dict(doc = "Path in the repository to the label of the file to put there."),
        "extra_build": attr.string(doc = "Appended to the root's BUILD file."),
        "thread_sanitizer_source": attr.string(doc = "Repository built from source instead, under --define=bergen_sanitizer=thread."),
    },
)

def _local_bazel_rules_impl(rctx):
    for package, symbols in rctx.attr.modules.items():
        text = ""
        for symbol in symbols.split(","):
            text += "{0} = native.{0}\n".format(symbol)
        rctx.file(package + "/BUILD", "exports_files([\"defs.bzl\"])\n", executable = False)
        rctx.file(package + "/defs.bzl", text, executable = False)
    text = "package(default_visibility = [\"//visibility:public\"])\n"
    for name in rctx.attr.targets:
        text += "\nfilegroup(name = \"{}\")\n".format(name)
    rctx.file("BUILD", text, executable = False)
    rctx.file("WORKSPACE", "", executable = False)

local_bazel_rules = repository_rule(
    implementation = _local_bazel_rules_impl,
    doc = "Stands in for a rule set that Bazel 4.2 would fetch, with the rules built into Bazel.",
    attrs = {
        "modules": attr.string_dict(doc = "Package to the comma-separated rules that its defs.bzl exports."),
        "targets": attr.string_list(doc = "Empty targets of the root."),
    },
)
