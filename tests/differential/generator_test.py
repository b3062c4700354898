# SPDX-License-Identifier: Apache-2.0
"""Samples of the same options are those that oslo-config-generator writes.

The options are those of config/testdata: relay_options.cc, type_options.cc and field_options.cc.
"""

import io
import itertools
import logging
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.path.append("/usr/lib/python3/dist-packages")

from oslo_config import cfg, generator  # noqa: E402

GENERATOR = "config/relay_generator"


def base_options():
    return [("DEFAULT", [cfg.BoolOpt("dry-run", default=True, help="Do nothing.")])]


def relay_options():
    store = cfg.OptGroup("store", help="Where relayed messages are kept.\n\nTwo back ends exist:\n\n"
                         "* memory - lost on restart\n* disk   - survives a restart")
    return [
        ("DEFAULT", [
            cfg.PortOpt("listen-port", default=7070, help="TCP port the relay binds to."),
            cfg.IntOpt("spin_us", default=50, help="Busy-wait before sleeping.", advanced=True),
            cfg.BoolOpt("trace", default=False, mutable=True,
                        help="Log every frame. Costs about a third of the throughput, so keep it off unless "
                        "you are chasing a protocol problem."),
            cfg.FloatOpt("drop_ratio", default=0.25, min=0.0, max=1.0,
                         help="Share of low-priority frames to drop under load."),
            cfg.IntOpt("workers", min=1, help="Worker count. Unset means one per CPU.",
                       deprecated_opts=[cfg.DeprecatedOpt("num-workers", "pool")]),
            cfg.StrOpt("mode", default="fast", help="Framing mode.",
                       choices=[("fast", "no checksum"),
                                ("safe", "checksum every frame, which is slower but finds broken network cards "
                                 "before your users do"),
                                ("", None)]),
            cfg.ListOpt("quotas", default=[1, 2], item_type=cfg.types.Integer(), help="Quota per class."),
            cfg.StrOpt("token", help="Shared secret.", secret=True),
            cfg.StrOpt("node_name", help="Name announced to peers.", sample_default="relay1.example.org"),
            cfg.StrOpt("banner", default="line one\nline two", help="Greeting."),
            cfg.StrOpt("sep", default=" | ", help="Field separator."),
            cfg.StrOpt("legacy", default="x", help="Old wire format.", deprecated_for_removal=True,
                       deprecated_since="2.1",
                       deprecated_reason="Nobody uses the old wire format any more and keeping it blocks a "
                       "cleanup."),
            cfg.IntOpt("nohelp", default=1),
        ]),
        (store, [cfg.StrOpt("path", help="Directory.")]),
    ]


def type_options():
    return [("types", [
        cfg.MultiStrOpt("plugin", default=["gzip", " audit", ""], help="Plug-in to load; may repeat."),
        cfg.MultiStrOpt("extra", help="Extra argument."),
        cfg.DictOpt("labels", default={"zone": "z1", "app": "relay"}, help="Labels."),
        cfg.ListOpt("bounded", default=[1, 2], item_type=cfg.types.Integer(), bounds=True, help="In brackets."),
        cfg.ListOpt("empty-list", default=[], help="Nothing."),
        cfg.StrOpt("with-hyphens", help="yes", metavar="WHAT", short="w", required=True),
        cfg.StrOpt("empty", default=""),
        cfg.StrOpt("odd", default="a: b #c \\ 'd' \"e\"\tf", help="Accents: \u00e9 \u2014."),
        cfg.IntOpt("zero", default=0, min=0, max=0),
        cfg.Opt("million", default=1000000, help="One:\n\nTwo.",
                type=cfg.types.Integer(choices=[(1000000, "many"), (2, None)])),
        cfg.FloatOpt("tiny", default=1e-07, max=1e16),
        cfg.PortOpt("port", min=1),
        cfg.StrOpt("old", help="DEPRECATED. Old.", deprecated_for_removal=True,
                   deprecated_opts=[cfg.DeprecatedOpt("older"), cfg.DeprecatedOpt("old-est", "gone")]),
    ]), ("more_types", [
        cfg.IPOpt("ip", default="::1", version=6, help="Address."),
        cfg.IPOpt("no_ip"),
        cfg.HostnameOpt("hostname", default="a.example", sample_default="<your_hostname>", help="Name."),
        cfg.HostAddressOpt("host_address", default="10.0.0.1", help="Host."),
        cfg.HostDomainOpt("host_domain", default="_a.example", help="Domain."),
        cfg.URIOpt("uri", default="http://a:80/b?c#d", max_length=99, schemes=["http"], help="Where."),
        cfg.Opt("range", type=cfg.types.Range(min=0, max=9), default="1-5", help="Some."),
        cfg.Opt("one", type=cfg.types.Range(inclusive=False), default="-3"),
        cfg.ListOpt("ips", item_type=cfg.types.IPAddress(), default=["1.2.3.4", "::1"], help="Addresses."),
        cfg.StrOpt("mode", default="safe", choices=[("fast", "no checksum"), ("safe", None)], help="How."),
    ])]


def field_options():
    return [
        (cfg.OptGroup("numbers", help="Of all kinds.\n\n\n  Even\tbig ones."), [
            cfg.IntOpt("workers-min", default=-3, help="Any.", min=-10, metavar="N"),
            cfg.IntOpt("big", default=9223372036854775807, help="The most."),
            cfg.IntOpt("reference", default="$big", help="$x?"),
            cfg.IntOpt("sampled", help="Depends on the machine.", sample_default=7),
            cfg.FloatOpt("ratio", default=2.5, min=-1.5, max=1e22),
            cfg.FloatOpt("small", default=-1e-300),
            cfg.PortOpt("web", default=80, help="One of two.", choices=[(80, "plain"), (443, None)]),
            cfg.BoolOpt("unset-flag", help="Maybe:", mutable=True),
            cfg.BoolOpt("on", default=True, help="Yes.", mutable=True, advanced=True),
        ]),
        ("lists", [
            cfg.ListOpt("names", default=["a b", "c"], help="Names."),
            cfg.ListOpt("factors", default=[1.5, 2.0], item_type=cfg.types.Float(), help="Factors."),
            cfg.Opt("counts", type=cfg.types.Dict(cfg.types.Integer()), default={"b": 2, "a": 1}, help="Counts."),
            cfg.MultiStrOpt("driver", help="One of many.", sample_default=["x", "y"]),
            cfg.MultiStrOpt("none", default=[], help="None.", deprecated_name="nothing"),
        ]),
        ("texts", [
            cfg.StrOpt("limited", default="abc", help="Short.", max_length=8),
            cfg.StrOpt("matched", default="aa", help="All of one letter.", regex="^a+$"),
            cfg.StrOpt("quoted", default="x", help="With or without.", quotes=True),
            cfg.StrOpt("any-case", default="a", help="Loud or not.", ignore_case=True,
                       choices=[("a", None), ("B", "the other")]),
            cfg.StrOpt("empty-sample", default="x", help="A sample that says nothing.", sample_default=""),
            cfg.StrOpt("password", help="Said to nobody.", short="p", required=True, secret=True),
            cfg.StrOpt("lines", default=" one\n\ttwo\n", help="Lines."),
            cfg.StrOpt("foreign", default="\u017c\u00f3\u0142\u0107 \U0001f600", help="Beyond ASCII: \U0001f600."),
            cfg.StrOpt("file", help="By position.", metavar="FILE", positional=True),
            cfg.StrOpt("explained", default="x",
                       help="Over-\nridden  options,\twell-known state-of-the-art --flags -- and dashes---between: "
                       "https://example.org/a/very/long/path/that/does/not/fit/into/any/line/of/a/sample/at/all\n"
                       "* bullets\n   - indented ones that are long enough to be wrapped at any of the widths that "
                       "are tried\n\n\nEnd.\n"),
            cfg.StrOpt("gone", help="Was good once.\n\nNot now.", deprecated_for_removal=True, deprecated_since="T"),
            cfg.StrOpt("going", default="x", help="Will go.", advanced=True, deprecated_for_removal=True,
                       deprecated_reason="Because it is\n\nnot needed any more by anybody who is known to those "
                       "who asked."),
            cfg.StrOpt("renamed", help="Three times.",
                       deprecated_opts=[cfg.DeprecatedOpt("a_b"), cfg.DeprecatedOpt("c", "old_group"),
                                        cfg.DeprecatedOpt("d", "old_group")]),
            cfg.HostAddressOpt("address4", default="10.0.0.1", version=4, help="Of version 4."),
        ]),
        (None, [cfg.BoolOpt("verbose", default=False, help="Say more.")]),
    ]


MODULES = [("acme.base", base_options), ("acme.fields", field_options), ("acme.relay", relay_options),
           ("acme.types", type_options)]


def theirs(flags):
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(flags, default_config_files=[], default_config_dirs=[])
    loaders = [module for module in MODULES if module[0] in conf.namespace]
    written = io.StringIO()
    with mock.patch.object(generator, "_get_raw_opts_loaders", return_value=loaders):
        generator.generate(conf, output_file=written)
    return written.getvalue()


def ours(flags):
    done = subprocess.run([GENERATOR, "--allow_missing_help", *flags], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def namespaces(*names):
    return [flag for name in names for flag in ("--namespace", name)]


ALL = namespaces(*(name for name, _ in MODULES))


class GeneratorTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        logging.disable()

    def assert_same(self, flags):
        with self.subTest(flags=" ".join(flags)):
            self.assertEqual(theirs(flags), ours(flags))

    def test_there_are_sixty_options(self):
        options = [option for _, groups in MODULES for _, options in groups() for option in options]
        self.assertGreaterEqual(len(options), 60)

    def test_every_flag_gives_the_same_bytes(self):
        for form, width, minimal, summarize in itertools.product(
                ["ini", "json", "yaml"], ["0", "40", "70", "100"],
                [[], ["--minimal"], ["--nominimal"]], [[], ["--summarize"], ["--nosummarize"]]):
            self.assert_same(ALL + ["--format", form, "--wrap-width", width] + minimal + summarize)

    def test_every_choice_of_namespaces_gives_the_same_bytes(self):
        for count in range(1, len(MODULES)):
            for chosen in itertools.combinations([name for name, _ in MODULES], count):
                for form in ["ini", "json", "yaml"]:
                    self.assert_same(namespaces(*chosen) + ["--format", form])

    def test_flags_in_a_file_give_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "generator.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write("[DEFAULT]\nnamespace = acme.relay\nnamespace = acme.types\nformat_ = json\n"
                           "wrap_width = 50\nminimal = true\nsummarize = yes\n")
            self.assert_same(["--config-file", path])
            self.assert_same(["--config-file", path, "--format", "ini", "--nominimal"])
            os.mkdir(os.path.join(folder, "conf.d"))
            os.rename(path, os.path.join(folder, "conf.d", "generator.conf"))
            self.assert_same(["--config-dir", os.path.join(folder, "conf.d")])

    def test_the_file_has_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out")
            for form in ["ini", "json", "yaml"]:
                flags = ALL + ["--format", form, "--output-file", path]
                expected = theirs(flags)
                self.assertEqual("", ours(flags))
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(expected, file.read())


if __name__ == "__main__":
    unittest.main()
