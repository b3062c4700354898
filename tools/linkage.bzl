"""What programs may load."""

def linkage_test(name, binaries):
    """Fails if a program loads OpenSSL, whose symbols collide with BoringSSL's.

    `tools/check.sh` sees to it that each cc_binary of the tree is in one.

    Args:
      name: by convention `linkage_test`.
      binaries: the cc_binary targets of the package.
    """
    native.py_test(
        name = name,
        size = "small",
        srcs = ["//tools:linkage_test.py"],
        main = "//tools:linkage_test.py",
        args = ["$(rootpath {})".format(binary) for binary in binaries],
        data = binaries,
    )
