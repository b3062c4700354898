"""Rules about options: samples, documentation, compatibility, validation.

A module names the function that lists its options; a program names its modules:

    load("@bergen//config:defs.bzl", "config_docs", "config_docs_test", "list_opts", "sample_config")

    list_opts(
        name = "list_opts",
        function = "demo::ListOpts",
        header = "demo/options.h",
        namespace = "demo",
        deps = [":options"],
    )

    sample_config(
        name = "sample_config",
        out = "demo.conf.sample",
        opts = [":list_opts", "@bergen//launcher:list_opts"],
    )

    config_docs(
        name = "config_docs",
        format = "html",
        opts = [":list_opts", "@bergen//launcher:list_opts"],
    )

    # Fails if the checked-in page is old; `bazel run :config_docs_test.update` renews it.
    config_docs_test(
        name = "config_docs_test",
        docs = ":config_docs",
        golden = "config.html",
    )

The functions are called by small programs that are generated here, so nothing registers
itself and a target pulls in only the modules it names.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# Bazel 4.2 has them built in; newer ones have a file to load them from.
_CcInfo = CcInfo  # buildifier: disable=native-cc-info
_cc_common = cc_common  # buildifier: disable=native-cc-common

ListOptsInfo = provider(
    doc = "A function that lists a module's options.",
    fields = {
        "function": "Its qualified C++ name; it takes nothing and returns a bergen::config::OptionList.",
        "header": "The header that declares it, as it is included.",
        "namespace": "What documentation calls the module.",
    },
)

_PROGRAM = Label("//config:program")

def _list_opts_impl(ctx):
    return [
        ListOptsInfo(
            function = ctx.attr.function,
            header = ctx.attr.header,
            namespace = ctx.attr.namespace,
        ),
        _cc_common.merge_cc_infos(cc_infos = [dep[_CcInfo] for dep in ctx.attr.deps]),
    ]

list_opts = rule(
    implementation = _list_opts_impl,
    doc = "Names the function that lists a module's options.",
    attrs = {
        "deps": attr.label_list(
            doc = "Libraries that define the function.",
            mandatory = True,
            providers = [_CcInfo],
        ),
        "function": attr.string(
            doc = "Qualified C++ name, such as `bergen::launcher::ListOpts`.",
            mandatory = True,
        ),
        "header": attr.string(
            doc = "Header that declares it, as it is included: `launcher/options.h`.",
            mandatory = True,
        ),
        "namespace": attr.string(
            doc = "What documentation calls the module: `oslo.service.service`.",
            mandatory = True,
        ),
    },
    provides = [_CcInfo, ListOptsInfo],
)

def _main_impl(ctx):
    infos = [opts[ListOptsInfo] for opts in ctx.attr.opts]
    headers = {info.header: None for info in infos}
    modules = [
        "          {{\"{}\", ::{}()}},\n".format(info.namespace, info.function.lstrip(":"))
        for info in infos
    ]
    source = ctx.actions.declare_file(ctx.label.name + ".cc")
    ctx.actions.write(source, """// Made by @bergen//config:defs.bzl.

#include "config/program.h"
{includes}
int main(int argc, char** argv) {{
  return bergen::config::{function}(
      argc, argv,
      {{
{modules}      }});
}}
""".format(
        function = ctx.attr.function,
        includes = "".join(["#include \"{}\"\n".format(header) for header in sorted(headers)]),
        modules = "".join(modules),
    ))
    return [DefaultInfo(files = depset([source]))]

_main = rule(
    implementation = _main_impl,
    doc = "The source of a program about options.",
    attrs = {
        "function": attr.string(mandatory = True),
        "opts": attr.label_list(mandatory = True, providers = [ListOptsInfo]),
    },
)

def _main_library(name, function, opts, testonly):
    """A library with `main`, which calls `function` of program.h."""
    _main(
        name = name + "_source",
        testonly = testonly,
        function = function,
        opts = opts,
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        testonly = testonly,
        srcs = [":" + name + "_source"],
        # A list_opts target stands for its libraries, which the layering check does not know.
        features = ["-layering_check"],
        tags = ["manual"],
        visibility = ["//visibility:private"],
        alwayslink = True,
        deps = opts + [str(_PROGRAM)],
    )

def _program(name, function, opts, testonly, **kwargs):
    """A program that is `function` of program.h."""
    _main_library(name + "_main", function, opts, testonly)
    cc_binary(
        name = name,
        testonly = testonly,
        deps = [":" + name + "_main"],
        **kwargs
    )

def _write_impl(ctx):
    arguments = ctx.actions.args()
    arguments.add_all(ctx.attr.flags)
    arguments.add(ctx.outputs.out, format = "--output_file=%s")
    ctx.actions.run(
        outputs = [ctx.outputs.out],
        arguments = [arguments],
        executable = ctx.executable.generator,
        mnemonic = "WriteOptions",
        progress_message = "Writing options to %s" % ctx.outputs.out.short_path,
    )
    return [DefaultInfo(
        files = depset([ctx.outputs.out]),
        runfiles = ctx.runfiles([ctx.outputs.out]),
    )]

_write = rule(
    implementation = _write_impl,
    doc = "Runs a generator.",
    attrs = {
        "flags": attr.string_list(),
        "generator": attr.label(cfg = "exec", executable = True, mandatory = True),
        "out": attr.output(mandatory = True),
    },
)

def _generated(name, out, opts, flags, testonly, **kwargs):
    _program(
        name + "_generator",
        "GeneratorMain",
        opts,
        testonly,
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    _write(
        name = name,
        testonly = testonly,
        out = out,
        flags = flags,
        generator = ":" + name + "_generator",
        **kwargs
    )

def sample_config(
        name,
        opts,
        out = None,
        format = "ini",
        wrap_width = 70,
        minimal = False,
        summarize = False,
        require_help = True,
        testonly = False,
        **kwargs):
    """A sample configuration file, as oslo-config-generator would write it.

    Args:
      name: the target; its file is `out`.
      opts: list_opts targets; their order does not matter.
      out: the file (default: NAME.conf.sample, NAME.json or NAME.yaml).
      format: `ini`; or `json` or `yaml`, for programs.
      wrap_width: longest line of help; 0 does not wrap.
      minimal: only required options, not commented out.
      summarize: only the first paragraph of each help.
      require_help: an option without help fails the build.
      testonly: as everywhere.
      **kwargs: visibility, tags and the like.
    """
    out = out or name + {"ini": ".conf.sample", "json": ".json", "yaml": ".yaml"}[format]
    _generated(
        name = name,
        out = out,
        opts = opts,
        flags = ["--format=" + format, "--wrap_width=%d" % wrap_width, "--recorded_output_file=" + out] +
                (["--minimal"] if minimal else []) +
                (["--summarize"] if summarize else []) +
                ([] if require_help else ["--allow_missing_help"]),
        testonly = testonly,
        **kwargs
    )

def config_docs(
        name,
        opts,
        out = None,
        format = "md",
        title = "Options",
        require_help = True,
        testonly = False,
        **kwargs):
    """A page of documentation, with an anchor for each group and option.

    The anchors, such as `#demo.workers`, are the same in each format and depend on nothing
    but the names.

    Args:
      name: the target; its file is `out`.
      opts: list_opts targets; their order does not matter.
      out: the file (default: NAME.md, NAME.html or NAME.rst).
      format: `md`; `html`, one file that needs no other; or `rst`, for Sphinx.
      title: of the page.
      require_help: an option without help fails the build.
      testonly: as everywhere.
      **kwargs: visibility, tags and the like.
    """
    if format not in ["md", "html", "rst"]:
        fail("%s: format must be md, html or rst, got %s" % (name, format))
    _generated(
        name = name,
        out = out or name + "." + format,
        opts = opts,
        flags = ["--format=" + format, "--title=" + title] +
                ([] if require_help else ["--allow_missing_help"]),
        testonly = testonly,
        **kwargs
    )

def config_docs_test(name, docs, golden, **kwargs):
    """A test that a checked-in file is the one that the options make now.

    If not, it shows the difference. To update the file: `bazel run :NAME.update`.

    Args:
      name: the test.
      docs: a config_docs or sample_config target.
      golden: the file of this package that `:NAME.update` writes. For the first time, create
        it, empty.
      **kwargs: of the test: size, tags and the like.
    """
    script = str(Label("//config:checked_in_file.sh"))
    package = native.package_name()
    native.sh_test(
        name = name,
        size = kwargs.pop("size", "small"),
        srcs = [script],
        args = [
            "$(rootpath %s)" % docs,
            "$(rootpath %s)" % golden,
            "//%s:%s.update" % (package, name),
        ],
        data = [
            docs,
            golden,
        ],
        **kwargs
    )
    native.sh_binary(
        name = name + ".update",
        testonly = True,
        srcs = [script],
        args = [
            "--update",
            "$(rootpath %s)" % docs,
            (package + "/" if package else "") + golden.lstrip(":"),
        ],
        data = [docs],
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )

def config_schema_test(name, opts, golden, **kwargs):
    """A test that configuration files which were good still are.

    It fails if an option has gone, changed its type or default, has narrower bounds or fewer
    choices, is newly required or no longer mutable, and says so for each. What is new
    passes. To accept a change: `bazel run :NAME.update`.

    Args:
      name: the test.
      opts: list_opts targets.
      golden: the file of this package that `:NAME.update` writes. For the first time, create
        it by running that target.
      **kwargs: of the test: size, tags and the like.
    """
    _main_library(name + "_main", "SchemaMain", opts, True)
    cc_test(
        name = name,
        size = kwargs.pop("size", "small"),
        args = ["--golden=$(rootpath %s)" % golden],
        data = [golden],
        deps = [":" + name + "_main"],
        **kwargs
    )
    package = native.package_name()
    cc_binary(
        name = name + ".update",
        testonly = True,
        args = ["--update=%s%s" % (package + "/" if package else "", golden.lstrip(":"))],
        tags = ["manual"],
        visibility = ["//visibility:private"],
        deps = [":" + name + "_main"],
    )

def config_validator(name, opts, testonly = False, **kwargs):
    """A program that checks configuration files: `NAME --input-file=FILE`.

    Its exit status is 0 if all names and values in the file are good, otherwise 1, and then it
    prints `file:line: group.name: what is wrong` for each that is not. Its flags are those of
    oslo-config-validator; `config/program.h` lists them.

    Args:
      name: the program.
      opts: list_opts targets; without any, `--opt-data` names the options.
      testonly: as everywhere.
      **kwargs: visibility, tags and the like.
    """
    _program(name, "ValidatorMain", opts, testonly, **kwargs)

def config_generator(name, opts, testonly = False, **kwargs):
    """A program that writes about the options: `NAME --namespace=NS --format=yaml`.

    Its flags are those of oslo-config-generator; `config/program.h` lists them. Without
    `--namespace` it writes about all of `opts`.

    Args:
      name: the program.
      opts: list_opts targets; without any, `--opt-data` names the options.
      testonly: as everywhere.
      **kwargs: visibility, tags and the like.
    """
    _program(name, "GeneratorMain", opts, testonly, **kwargs)
