# SPDX-License-Identifier: Apache-2.0
"""Texts are values of our types if they are of oslo.config's, and the same ones.

Except where DIFFERENCES says why not.
"""

import collections
import json
import math
import random
import re
import subprocess
import sys
import unittest

sys.path.append("/usr/lib/python3/dist-packages")

from oslo_config import types  # noqa: E402

FILTER = "config/value_filter"
TEXTS_OF_A_TYPE = 600

# config/testdata/value_filter.cc has the same.
TYPES = {
    "string": types.String(),
    "string_length": types.String(max_length=5),
    "string_regex": types.String(regex="a.c|^b"),
    "string_quotes": types.String(max_length=4, quotes=True),
    "string_choices": types.String(choices=["one", "Two", ""]),
    "string_any_case": types.String(choices=["one", "Two"], ignore_case=True),
    "boolean": types.Boolean(),
    "integer": types.Integer(),
    "integer_bounds": types.Integer(min=-5, max=1000),
    "integer_choices": types.Integer(choices=[0, 7, -12]),
    "float": types.Float(),
    "float_bounds": types.Float(min=0, max=1.5),
    "port": types.Port(),
    "port_bounds": types.Port(min=8),
    "list": types.List(),
    "list_quotes": types.List(types.String(quotes=True)),
    "list_integer": types.List(types.Integer()),
    "list_bounds": types.List(types.Integer(), bounds=True),
    "list_nested": types.List(types.List(bounds=True)),
    "dict": types.Dict(),
    "dict_quotes": types.Dict(types.String(quotes=True)),
    "dict_integer": types.Dict(types.Integer()),
    "dict_nested": types.Dict(types.Dict(bounds=True), bounds=True),
    "range": types.Range(),
    "range_bounds": types.Range(min=-2, max=20),
    "range_exclusive": types.Range(inclusive=False),
    "ip": types.IPAddress(),
    "ip4": types.IPAddress(4),
    "ip6": types.IPAddress(6),
    "hostname": types.Hostname(),
    "host_address": types.HostAddress(),
    "host_address4": types.HostAddress(4),
    "host_domain": types.HostDomain(),
    "host_domain6": types.HostDomain(6),
    "uri": types.URI(),
    "uri_length": types.URI(max_length=12),
    "uri_schemes": types.URI(schemes=["http", "https"]),
}

# Texts of a kind of type, and pieces that others are made of.
NUMBERS = (["", " ", "0", "-0", "+0", "7", "-12", "010", "1000", "1001", "-5", "-6", "65535", "65536", "8",
            "1.5", ".5", "5.", "1e3", "-1E-7", "1e999", "inf", "-Infinity", "nan", "NaN", "0x10", "1_000",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999",
            "\u0661\u0662", " 7 ", "7\n", "\u00a07", "--1", "+-1", "1 2", "1,5", "1e-400", "infinit", "1e"],
           list("0123456789-+. e_\t") + ["inf", "nan", "\u00a0", "\u0661", "10"])
WORDS = (["", "one", "Two", "two", "ONE", "true", "True", "1", "on", "yes", "false", "OFF", "0", "no", "t",
          " true", "abc", "xbx", "b", "ab\nc", "'a'", "\"a\"", "'a\"", "'", "\"\"", "a'", "''''",
          "\u00e9\u00e9\u00e9\u00e9\u00e9", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "'12345'", "tr\u00fce"],
         list("abcon te'\"\n\u00e9") + ["one", "Two", "true"])
LISTS = (["", " ", ",", ",,", "a", "a,b", " a , b ", "a,,b", ",a", "a,", "a,b,,", " a, ,", "\"a,b\",c", "'a,b",
          "a'b,c'", "1,2", "1,,2", "1,x", "[1,2]", "[]", "[1,]", "[ ]", "[", "]", "[1", "1]", "[a,b],[c]",
          "[[a]]", "[a],,[b]", "[a] , [b],", "a:1", "a:1,b:2", "a:", "a:b:c", ":1", "a", "a:1,2,b:3", "a:1,",
          "a:1,a:2", "{a:{b:c}}", "{a:{b:c,d:e},f:{}}", "{}", "{a}", "{a:{}", " { a : { b : c } } ",
          "a:'b,c',d:e", "a : \" b \" ", "\u00a0a\u00a0,b", "a:1_0", "1,\u0661"],
         list("ab1,,,:[]{}'\" ") + ["\u00a0", "12", "{a:", "},", "[a", "],"])
RANGES = (["", "0", "-1", "0-2", "2-0", "-3--1", "-1--3", "5-5", "4-", "--1", "05", "-0", "0-0", "1.1-1.2",
           "0-2\n", " 0-2", "0 - 2", "1-2-3", "-2-20", "-3-20", "-2-21", "20--2", "21--2", "+1-2", "a-b",
           "\u0661-2", "1-1000"],
          list("0123456789--\n .") + ["10", "-1"])
HOSTS = (["", "127.0.0.1", "0.0.0.0", "255.255.255.256", "010.0.0.1", "10.1", "1.2.3.4.5", "10.0.0.0/8", "::",
          "::1", "[::1]", "fe80::1%eth0", "::ffff:1.2.3.4", "::1.2.3.400", "1:2:3:4:5:6:7:8",
          "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", " ::1", "::1\n", "127.0.0.1\n", "::1\0", "localhost",
          "localhost\n", "a.b.", "a..b", ".", "..", ".a", "-a", "a-", "a-.b", "a_b", "_a", "_9", "a_b.c",
          "3.14", "org.10", "10.a", "a.10-1", "a b", "\u00e9", "\u017fa", "a.\u212a", "1.2.3.4.", "::1.",
          "a" * 63, "a" * 64, "a." * 126 + "b", "a." * 126 + "b.", "a." * 126 + "bcd", "\"a\""],
         list("0129afgz.:-_ ") + ["10.", "::", "255", "example", "\u017f", "ffff:", ".0.0.1"])
URIS = (["", "http://h", "HTTP://h", "https://h/", "ftp://h", "http:", "http:/h", "http://", "//h", "/p",
         "mailto:a@b", "file:///p", "http://:80", "http://u@", "http://@h", "http://u:p@h:80/p?q#f",
         "http://a@b@c", "http://h:", "http://h:65535", "http://h:65536", "http://h:99999", "http://h:100000",
         "http://h:x", "http://[::1]", "http://[::1]:80", "http://[::1]80", "http://[::1", "http://::1",
         "http://[fe80::1%25e0]", "http://[fe80::1%e0]", "http://[v1.a:b]", "http://[v1.]", "http://[1.2.3.4]",
         "http://[::1.2.3.4]", "http://[::1.2.3.400]", "http://1.2.3.4", "http://1.2.3.256", "http://001.2.3.4",
         "http://1.2.3.4.5", "http://a_b", "http://a b", "http://h/a b", "http://h/%41", "http://h/%4",
         "http://h/%zz", "http://h?a b", "http://h?%", "http://h#a#b", "http://h#\"", "http://h\n",
         "http://h/\n", "http://h\\p", "http://\u00e9", "http://h/\u00e9", "1a://h", "a+b-c.d://h", "a_b://h",
         "://h", "h", " http://h", "http://h/p;a=b,c", "http://h/[x]", "http://%41b", "http://%4",
         "rabbit://u:p%40@h:5672/%2F", "http://abcde", "http://abcdef"],
        list("ahz09:/?#@[]%.- ") + ["http://", "//", "%41", "[::1]", ":80", "\u00e9"])

# By the first word of a type's key.
KINDS = {"string": WORDS, "boolean": WORDS, "integer": NUMBERS, "float": NUMBERS, "port": NUMBERS, "list": LISTS,
         "dict": LISTS, "range": RANGES, "ip": HOSTS, "hostname": HOSTS, "host": HOSTS, "uri": URIS}


def texts_of(name, source):
    known, pieces = KINDS[re.match("[a-z]+", name).group()]
    texts = list(known)
    while len(texts) < TEXTS_OF_A_TYPE:
        if source.random() < 0.4:
            texts.append("".join(source.choices(pieces, k=source.randrange(1, 9))))
            continue
        text = source.choice(known)
        at = source.randrange(len(text) + 1)
        end = at + source.choice([0, 0, 1, 1, 2])
        texts.append(text[:at] + source.choice(pieces + ["", ""]) + text[end:])
    return texts


def theirs(name, text):
    """The value as JSON has it, or an error."""
    try:
        value = TYPES[name](text)
    except ValueError as error:
        return {"error": str(error)}
    if isinstance(value, range):
        last = value.stop - (value.step if name != "range_exclusive" else 0)
        value = str(value.start) if value.start == last else f"{value.start}-{last}"
    return {"value": value}


def ours(questions):
    sent = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([FILTER], input=sent.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def same(a, b):
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return type(a) is type(b) and a == b


# Types (by the start of their keys); what we do with the text other than they: refuse, accept, differ; what the
# text has in it, what our error has in it, and why.
Difference = collections.namedtuple("Difference", "types we text error why")

NUMERIC = ("integer", "port", "float", "list_integer", "dict_integer")

DIFFERENCES = [
    Difference(NUMERIC, "refuse", "_", "not an? (integer|number)", "a number has no underscores"),
    Difference(NUMERIC, "refuse", "[\u0660-\u0669]", "not an? (integer|number)", "digits are those of ASCII"),
    Difference("integer", "refuse", r"\d{19}", "beyond the range of a 64-bit integer", "an integer has 64 bits"),
    Difference("float", "refuse", "e", "beyond the range of a double", "a number is not infinity"),
    Difference("float_bounds", "refuse", "(?i)nan", "must be a number, got nan", "NaN is within no bounds"),
    Difference(("list_integer", "list_bounds"), "refuse", r"^\s*\[?\s*,|,\s*,|,\s*\]|\[\s*\]", "not an integer",
               "an item of a list is never unset"),
    Difference("dict_integer", "refuse", r":\s*(,|$)", "not an integer", "a value of a dict is never unset"),
    Difference("range", "refuse", r"\n$", "not a range", "a line break is no part of a number"),
    Difference("host", "refuse", r"\n$", "label|neither", "a line break is no part of a name"),
    Difference("host", "refuse", "[\u017f\u212a]", "label|neither|at most", "letters of a name are those of ASCII"),
    Difference("uri", "refuse", "://([^/]*@)?:|@$", "it has no host", "a host is not empty"),
    Difference("uri", "refuse", r":\d{5}", "its port must be 0 to 65535", "a port has 16 bits"),
    Difference("uri", "refuse", r"\]\d", "only a port may follow", "a colon stands before a port"),
    Difference("uri", "refuse", r"\.400\]", "is not an IPv6 address", "IPv4 within IPv6 has 8 bits a number"),
    Difference("uri", "refuse", ".", "its (path|query|fragment) has a character",
               "RFC 3986 has no such character here"),
    Difference("uri", "refuse", r"\n|\\", "its host has a character", "RFC 3986 has no such character in a host"),
    Difference("uri_schemes", "accept", "^(?i:https?):", "", "a scheme has no case in RFC 3986"),
]


class TypesTest(unittest.TestCase):
    def test_the_same_texts_are_the_same_values(self):
        source = random.Random(20261124)
        questions = [(name, text) for name in TYPES for text in texts_of(name, source)]
        used = collections.Counter()
        wrong = []
        for (name, text), our in zip(questions, ours(questions), strict=True):
            their = theirs(name, text)
            if "error" in our and "error" in their:
                continue
            we = "refuse" if "error" in our else "accept" if "error" in their else "differ"
            if we == "differ" and same(our["value"], their["value"]):
                continue
            reasons = [
                difference for difference in DIFFERENCES
                if name.startswith(difference.types) and difference.we == we and re.search(difference.text, text)
                and re.search(difference.error, our.get("error", ""))
            ]
            used.update(reasons[:1])
            if not reasons:
                wrong.append(f"{name} {text!r}: ours {our}, theirs {their}")
        self.assertEqual([], wrong[:20], f"{len(wrong)} of {len(questions)}")
        self.assertEqual([], [difference for difference in DIFFERENCES if not used[difference]], "of no use")


if __name__ == "__main__":
    unittest.main()
