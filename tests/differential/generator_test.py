# SPDX-License-Identifier: Apache-2.0
"""Samples of the same options are those that oslo-config-generator writes.

The options are those of config/testdata/relay_options.cc and type_options.cc.
"""

import io
import itertools
import logging
import subprocess
import sys
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


MODULES = [("acme.base", base_options), ("acme.relay", relay_options), ("acme.types", type_options)]


def theirs(flags):
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(flags, default_config_files=[], default_config_dirs=[])
    written = io.StringIO()
    with mock.patch.object(generator, "_get_raw_opts_loaders", return_value=MODULES):
        generator.generate(conf, output_file=written)
    return written.getvalue()


def ours(flags):
    done = subprocess.run([GENERATOR, "--allow_missing_help", *flags], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


class GeneratorTest(unittest.TestCase):
    maxDiff = None

    def test_every_flag_gives_the_same_bytes(self):
        logging.disable()
        names = ["--namespace", "acme.base", "--namespace", "acme.relay", "--namespace", "acme.types"]
        for form, width, minimal, summarize in itertools.product(
                ["ini", "json", "yaml"], ["0", "40", "70", "100"], [[], ["--minimal"]], [[], ["--summarize"]]):
            flags = names + ["--format", form, "--wrap-width", width] + minimal + summarize
            with self.subTest(flags=" ".join(flags)):
                self.assertEqual(ours(flags), theirs(flags))


if __name__ == "__main__":
    unittest.main()
