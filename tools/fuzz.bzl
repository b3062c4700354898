"""Fuzz targets: one function, used twice."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def fuzz_test(name, srcs, deps, corpus = []):
    """A fuzz target, `LLVMFuzzerTestOneInput` in `srcs`.

    With any compiler it is a test that replays `corpus`, and variations of it
    that are the same each time. With clang it searches:

      ./bazelw run --config=fuzz //config:ini_fuzz -- -max_total_time=60

    Args:
      name: the test; by convention `x_fuzz` for `x_fuzz.cc`.
      srcs: the file of the target.
      deps: what it calls.
      corpus: files of inputs, such as glob(["testdata/x_fuzz/*"]).
    """
    cc_test(
        name = name,
        size = "small",
        srcs = srcs,
        args = ["$(rootpath {})".format(file) for file in corpus],
        data = corpus,
        linkopts = select({
            "@bergen//tools:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        deps = deps + select({
            "@bergen//tools:fuzzing": [],
            "//conditions:default": ["@bergen//tools:fuzz_replay"],
        }),
    )
