"""Everything that Bergen needs from outside, behind upstream's own labels.

A workspace that uses Bergen calls `bergen_repositories()`. A repository that it
has declared before that call is left alone, so whoever builds Abseil or gRPC from source
goes on doing so. What is declared here is Debian 12's packages, plus BoringSSL
built from Debian's source package; nothing is fetched from anywhere else.
"""

load("//third_party:debian_source.bzl", "debian_source_repository")
load("//third_party:system_repository.bzl", "local_bazel_rules", "system_repository")

# Abseil's pieces as upstream names them. Debian ships them as shared libraries;
# the linker keeps the ones a program uses (--as-needed).
_ABSEIL = {
    "absl/algorithm": ["algorithm", "container"],
    "absl/base": ["base", "config", "core_headers", "dynamic_annotations", "endian", "log_severity", "prefetch", "raw_logging_internal"],
    "absl/cleanup": ["cleanup"],
    "absl/container": ["btree", "fixed_array", "flat_hash_map", "flat_hash_set", "inlined_vector", "node_hash_map", "node_hash_set"],
    "absl/debugging": ["failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
    "absl/flags": ["flag"],
    "absl/functional": ["any_invocable", "bind_front", "function_ref"],
    "absl/hash": ["hash"],
    "absl/memory": ["memory"],
    "absl/meta": ["type_traits"],
    "absl/numeric": ["bits", "int128"],
    "absl/random": ["bit_gen_ref", "distributions", "mocking_bit_gen", "random"],
    "absl/status": ["status", "statusor"],
    "absl/strings": ["cord", "str_format", "strings"],
    "absl/synchronization": ["synchronization"],
    "absl/time": ["time"],
    "absl/types": ["any", "optional", "span", "variant"],
    "absl/utility": ["utility"],
}

_ABSEIL_LIBRARIES = [
    "base",
    "bad_optional_access",
    "bad_variant_access",
    "city",
    "cord",
    "cord_internal",
    "cordz_functions",
    "cordz_handle",
    "cordz_info",
    "debugging_internal",
    "demangle_internal",
    "examine_stack",
    "exponential_biased",
    "failure_signal_handler",
    "flags_commandlineflag",
    "flags_commandlineflag_internal",
    "flags_config",
    "flags_internal",
    "flags_marshalling",
    "flags_private_handle_accessor",
    "flags_program_name",
    "flags_reflection",
    "graphcycles_internal",
    "hash",
    "hashtablez_sampler",
    "int128",
    "leak_check",
    "log_severity",
    "low_level_hash",
    "malloc_internal",
    "random_distributions",
    "random_internal_distribution_test_util",
    "random_internal_platform",
    "random_internal_pool_urbg",
    "random_internal_randen",
    "random_internal_randen_hwaes",
    "random_internal_randen_hwaes_impl",
    "random_internal_randen_slow",
    "random_internal_seed_material",
    "random_seed_gen_exception",
    "random_seed_sequences",
    "raw_hash_set",
    "raw_logging_internal",
    "spinlock_wait",
    "stacktrace",
    "status",
    "statusor",
    "str_format_internal",
    "strerror",
    "strings",
    "strings_internal",
    "symbolize",
    "synchronization",
    "throw_delegate",
    "time",
    "time_zone",
]

def _maybe(rule, name, **kwargs):
    if not native.existing_rule(name):
        rule(name = name, **kwargs)

def bergen_repositories():
    """Declares what Bergen needs and the calling workspace has not declared."""

    # What Bazel itself asks for, and would fetch.
    _maybe(
        local_bazel_rules,
        name = "rules_cc",
        modules = {"cc": "cc_binary,cc_import,cc_library,cc_proto_library,cc_test,cc_toolchain,cc_toolchain_suite,objc_import,objc_library"},
    )
    _maybe(local_bazel_rules, name = "remote_coverage_tools", targets = ["coverage_report_generator"])
    _maybe(native.local_repository, name = "rules_java", path = "/usr/share/bazel/rules/java")
    _maybe(native.local_repository, name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    _maybe(native.local_repository, name = "platforms", path = "/usr/share/bazel/tools/platforms")
    _maybe(native.local_repository, name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")

    # Thread sanitizer sees the locks of instrumented code only, so under
    # --define=bergen_sanitizer=thread Abseil is built from Debian's source.
    _maybe(
        debian_source_repository,
        name = "bergen_abseil_source",
        package = "abseil",
    )
    _maybe(
        system_repository,
        name = "com_google_absl",
        packages = _ABSEIL,
        linkopts = ["-Wl,--push-state,--as-needed,--start-group"] + ["-labsl_" + name for name in _ABSEIL_LIBRARIES] + ["-Wl,--end-group,--pop-state"],
        thread_sanitizer_source = "@bergen_abseil_source",
    )

    _maybe(
        system_repository,
        name = "zlib",
        packages = {"": ["zlib"]},
        linkopts = ["-lz"],
    )

    _maybe(
        system_repository,
        name = "com_google_protobuf",
        packages = {"": ["protobuf", "protobuf_lite"]},
        linkopts = ["-lprotobuf"],
        tools = {"protoc": "protoc"},
        extra_build = """
proto_lang_toolchain(
    name = "cc_toolchain",
    command_line = "--cpp_out=$(OUT)",
    runtime = ":protobuf",
    visibility = ["//visibility:public"],
)
""",
    )

    # Always the variants without TLS: Debian's gRPC with TLS brings OpenSSL,
    # whose symbols collide with BoringSSL's. TLS goes in front of it (sslutils).
    # Linked statically where Debian's shared library would pull the others in.
    _maybe(
        system_repository,
        name = "com_github_grpc_grpc",
        packages = {"": ["grpc++_unsecure", "grpc_unsecure"]},
        linkopts = ["-lgrpc++_unsecure", "-lgrpc_unsecure", "-lgpr"],
        deps = ["@com_google_protobuf//:protobuf"],
        tools = {"grpc_cpp_plugin": "grpc_cpp_plugin"},
        bzl_files = {"bazel/cc_grpc_library.bzl": "@bergen//third_party:cc_grpc_library.bzl.tpl"},
        tool_aliases = {"src/compiler": "grpc_cpp_plugin=grpc_cpp_plugin"},
        extra_build = """
cc_library(
    name = "grpc++_reflection",
    linkopts = ["-Wl,--whole-archive", "-l:libgrpc++_reflection.a", "-Wl,--no-whole-archive"],
    visibility = ["//visibility:public"],
    deps = [":grpc++_unsecure"],
    alwayslink = True,
)
""",
    )

    _maybe(
        system_repository,
        name = "com_github_gflags_gflags",
        packages = {"": ["gflags"]},
        linkopts = ["-lgflags"],
    )
    _maybe(
        system_repository,
        name = "com_google_googletest",
        packages = {"": ["gtest"]},
        linkopts = ["-lgmock", "-lgtest", "-lpthread"],
        extra_build = """
cc_library(
    name = "gtest_main",
    linkopts = ["-lgmock_main"],
    visibility = ["//visibility:public"],
    deps = [":gtest"],
)
""",
    )
    _maybe(
        system_repository,
        name = "com_github_google_benchmark",
        packages = {"": ["benchmark"]},
        linkopts = ["-lbenchmark", "-lpthread"],
        extra_build = """
cc_library(
    name = "benchmark_main",
    linkopts = ["-lbenchmark_main"],
    visibility = ["//visibility:public"],
    deps = [":benchmark"],
)
""",
    )
    _maybe(
        system_repository,
        name = "com_github_gabime_spdlog",
        packages = {"": ["spdlog"]},
        # Debian's shared libraries would keep programs from being linked statically.
        deps = ["@bergen//third_party/spdlog"],
    )
    _maybe(system_repository, name = "com_googlesource_code_re2", packages = {"": ["re2"]}, linkopts = ["-lre2"])
    _maybe(system_repository, name = "com_github_jbeder_yaml_cpp", packages = {"": ["yaml-cpp"]}, linkopts = ["-lyaml-cpp"])
    _maybe(system_repository, name = "com_github_nlohmann_json", packages = {"": ["json"]})
    _maybe(system_repository, name = "com_github_jupp0r_prometheus_cpp", packages = {"core": ["core"]}, linkopts = ["-lprometheus-cpp-core"])
    _maybe(system_repository, name = "com_github_libevent_libevent", packages = {"": ["libevent"]}, linkopts = ["-levent_core"])
    _maybe(system_repository, name = "com_github_nghttp2_nghttp2", packages = {"": ["nghttp2"]}, linkopts = ["-lnghttp2"])
    _maybe(system_repository, name = "boost", packages = {"": ["asio", "beast", "property_tree"]})
    _maybe(system_repository, name = "libuv", packages = {"": ["libuv"]}, linkopts = ["-luv"])
    _maybe(system_repository, name = "elfutils", packages = {"": ["dw"]}, linkopts = ["-ldw"])

    _maybe(
        debian_source_repository,
        name = "boringssl",
        package = "android-platform-external-boringssl",
        # GCC 12 warns where this BoringSSL's own list makes it an error.
        build_replacements = {
            "\"-Werror\",": "\"-w\",",
            # Its private headers include each other as clang's layering check does not allow.
            "licenses([\"notice\"])": "package(features = [\"-layering_check\"])\n\nlicenses([\"notice\"])",
        },
    )
