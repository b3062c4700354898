# SPDX-License-Identifier: Apache-2.0
"""Files are read by config/ini.h as by oslo.config, except for DIFFERENCES."""

import collections
import io
import json
import random
import re
import subprocess
import sys
import unittest

sys.path.append("/usr/lib/python3/dist-packages")

from oslo_config import cfg  # noqa: E402
from oslo_config import iniparser  # noqa: E402

FILTER = "config/ini_filter"
SAMPLE = "config/testdata/relay.conf.sample"

# What is meant to be different, and why.
DIFFERENCES = {
    "quotes": "Quotes are taken off only if they are a pair around the whole value: `\"a\", \"b\"` keeps its own.",
    "no section": "The error names the line of the assignment, not the one on which its end was noticed.",
    "byte-order mark": "It is no part of the first line.",
    "encoding": "Always UTF-8, whatever the locale says, and the error names the line.",
}

# Files as operators have them.
REAL = ["""\
[DEFAULT]
debug = true
log_dir = /var/log/relay
transport_url = rabbit://relay:RABBIT_PASS@controller:5672/
# enabled_apis = osapi,metadata
my_ip = 10.0.0.11

[api]
auth_strategy = keystone

[database]
connection = mysql+pymysql://relay:RELAY_DBPASS@controller/relay?charset=utf8

[keystone_authtoken]
www_authenticate_uri = http://controller:5000
memcached_servers = controller:11211
password = pa$$word'"
""", """\
[DEFAULT]
rootwrap_config=/etc/relay/rootwrap.conf
enabled_backends=lvm,ceph
default_log_levels = amqp=WARN,amqplib=WARN,boto=WARN,
    sqlalchemy=WARN,suds=INFO,
    oslo.messaging=INFO
logging_context_format_string=%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(request_id)s] %(message)s

[lvm]
volume_group=relay-volumes
iscsi_ip_address = fd00::1
backend_defaults = "type:thin, size:10"
""", """\
; The relay of the lab.
[ relay ]
bind : 0.0.0.0:7070
plugin = gzip
plugin = audit
plugin = "a b"
banner =
\tline one
\t  line two
\tline three
token: 's3cr3t'
empty =
empty_too:

[relay]
bind = [::1]:7070
names = "one" , "two"
note = it's "quoted" here
formula = a == b ; not a comment # nor this
""", """\
[pipeline:main]
pipeline = cors healthcheck authtoken app

[app:app]
paste.app_factory = relay.api:app_factory

[composite:root]
use: egg:Paste#urlmap
/: versions
/v1.0: v1
""", """\
[DEFAULT]

[a]
[b]
[a]
x=1
[B]
x=2
[a]
x = 3
x = 4
\u00fc\u00f6 = \u00e4 \u20ac
key with blanks = v
"""]

PIECES = ["[s]", "[", "]", "[]", "[ ]", "[a]]", "[s] x", "k", "key", "=", ":", " = ", ": ", "==", " ", "\t", "v", "'", '"',
          '""', "''", "'v'", '"v', "# c", ";", "#", "\u00a0", "\u2003", "\x1f", "\x0b", "\x0c", "\x85", "\u00e9", "\u2028", "$k",
          "\\", "%", "\x00"]
ENDS = ["\n", "\n", "\n", "\n\n", "\r\n", "\r", "\n ", "\n\t", "\nk = v\n", "\n[s]\n"]
BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x82", b"\xf8\x88\x80\x80\x80"]


def generated(source):
    """A short file, most of whose lines are odd."""
    text = source.choice(["", "[s]\n", "[s]\n", "[s]\n", "[s]\nk = v\n", "\ufeff[s]\n"])
    for _ in range(source.randrange(1, 9)):
        if source.random() < 0.7:
            text += source.choice(["k = ", "k=", "key: ", "\u00e9:"])
        text += "".join(source.choices(PIECES, k=source.choice([1, 2, 3, 3, 4, 5]))) + source.choice(ENDS)
    data = text.encode()
    if source.random() < 0.1:
        at = source.randrange(len(data) + 1)
        data = data[:at] + source.choice(BYTES) + data[at:]
    return data


def real(source, sample):
    """A file as operators have them, with what editors and people do to it."""
    if source.random() < 0.4:
        # Some options of a sample are switched on.
        lines = [re.sub("^#(?=[a-z_]+ = |    )", "", line) if source.random() < 0.5 else line for line in sample]
    else:
        lines = source.choice(REAL).splitlines()
    for _ in range(source.choice([0, 0, 1, 2])):
        at = source.randrange(len(lines))
        change = source.randrange(6)
        if change == 0:
            del lines[at]
        elif change == 1:
            lines.insert(at, lines[source.randrange(len(lines))])
        elif change == 2:
            lines[at] += source.choice(["  ", "\t", " # why", "\u00a0"])
        elif change == 3:
            lines[at] = source.choice(["    ", "\t", " "]) + lines[at]
        elif change == 4:
            lines[at] = lines[at].replace("=", "").replace(":", "")
        else:
            lines[at] = lines[at][:source.randrange(len(lines[at]) + 1)]
        if not lines:
            lines = [""]
    text = source.choice(["\n", "\n", "\r\n"]).join(lines)
    return text + source.choice(["", "\n"])


class Original(cfg.ConfigParser):
    """oslo.config's parser, which also notes on which line each assignment stands."""

    def __init__(self):
        super().__init__("ini", {})
        self.values = []
        self.started = None

    def _split_key_value(self, line):
        self.started = self.lineno
        return super()._split_key_value(line)

    def assignment(self, key, value):
        super().assignment(key, value)
        self.values.append([self.section, key, "\n".join(value), self.started])

    def parse_lines(self, lines):
        iniparser.BaseParser.parse(self, lines)


class Amended(Original):
    """The same with the intended differences."""

    def _split_key_value(self, line):
        key, value = super()._split_key_value(line)
        if key and not self.section:
            raise self.error_no_section()
        text = re.split("[=:]", line, maxsplit=1)[1].strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
            text = text[1:-1]
        return key, [text]

    def parse_lines(self, lines):
        super().parse_lines(self.checked(lines))

    def checked(self, lines):
        for number, line in enumerate(lines, 1):
            if any("\udc80" <= character <= "\udcff" for character in line):
                raise self.parse_exc("not UTF-8", number)
            yield line[1:] if number == 1 and line[0] == "\ufeff" else line


def read(parser, data, errors):
    """What `parser` makes of a file: its values, or the line of an error, 0 if it names none."""
    try:
        parser.parse_lines(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors=errors).readlines())
    except iniparser.ParseError as error:
        return error.lineno
    except UnicodeDecodeError:
        return 0
    return parser.values


def differences(data, original, amended):
    """Which of DIFFERENCES may have made `amended` of `original`."""
    found = set()
    if data.startswith(b"\xef\xbb\xbf"):
        found.add("byte-order mark")
    if original == 0:
        found.add("encoding")
    if isinstance(original, int) and isinstance(amended, int) and 0 < amended < original:
        found.add("no section")
    if isinstance(original, list) and isinstance(amended, list):
        changed = [(old[2], new[2]) for old, new in zip(original, amended) if old != new]
        if all(new.replace("\n", "")[:1] in ("'", '"') for _, new in changed):
            found.add("quotes")
    return found


class IniTest(unittest.TestCase):
    def setUp(self):
        source = random.Random(20261124)
        with open(SAMPLE, encoding="utf-8") as file:
            sample = file.read().splitlines()
        self.files = [text.encode() for text in REAL]
        self.files += [real(source, sample).encode() for _ in range(400)]
        self.real = len(self.files)
        self.files += [generated(source) for _ in range(4000)]
        self.files = list(dict.fromkeys(self.files))
        sent = "".join(data.hex() + "\n" for data in self.files)
        done = subprocess.run([FILTER], input=sent.encode(), stdout=subprocess.PIPE, check=True)
        self.ours = []
        for line in done.stdout.decode().split("\n")[:-1]:
            parsed = json.loads(line)
            # Of several errors that are reported, the first.
            self.ours.append(int(parsed.split(":")[1]) if isinstance(parsed, str) else parsed)
        self.assertEqual(len(self.files), len(self.ours))

    def test_files_are_read_as_by_the_original(self):
        outcomes = collections.Counter()
        reasons = collections.Counter()
        for data, ours in zip(self.files, self.ours):
            original = read(Original(), data, "strict")
            amended = read(Amended(), data, "surrogateescape")
            with self.subTest(data=data):
                self.assertEqual(amended, ours)
                if original == ours:
                    outcomes["error" if isinstance(ours, int) else "values"] += 1
                    continue
                found = differences(data, original, amended)
                self.assertTrue(found, f"{original} is {amended} for none of the reasons")
                reasons.update(found)
        print(dict(outcomes), dict(reasons))
        # Enough of them are files of which the original itself says the same.
        self.assertGreater(outcomes["values"], 300)
        self.assertGreater(outcomes["error"], 300)
        self.assertEqual(set(DIFFERENCES), set(reasons), "some are never seen")

    def test_files_that_operators_have_are_mostly_read_as_by_the_original(self):
        same = sum(read(Original(), data, "strict") == ours
                   for data, ours in list(zip(self.files, self.ours))[:200])
        self.assertGreater(same, 150)


if __name__ == "__main__":
    unittest.main()
