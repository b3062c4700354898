# SPDX-License-Identifier: Apache-2.0
"""Prints examples.md: each program of //examples under the question that it answers.

    examples_page.py FILE...
"""

import pathlib
import re
import sys

ORDER = [
    "smallest.cc",
    "two_services.cc",
    "http.cc",
    "paste.cc",
    "api-paste.ini",
    "tls.cc",
    "periodic.cc",
    "one_of_many.cc",
    "backdoor_command.cc",
    "grpc.cc",
    "greeter.h",
    "greeter.proto",
    "upgrade.cc",
]
LANGUAGES = {".cc": "cpp", ".h": "cpp", ".ini": "ini", ".proto": "proto"}
INTRODUCTION = """# Examples

One program a question, each short enough to copy, and each started and checked by a test beside it in `examples`. Options with
documentation and a schema test are in `tests/consumer`, a workspace of its own; `examples/demo` is a whole service.
"""


def head_and_code(text):
    """The comment at the beginning, without its licence, and the rest."""
    comment = re.match(r"(?:(?://|#).*\n)+", text)
    lines = [re.sub(r"^(?://|#) ?", "", line) for line in comment[0].splitlines()]
    lines = [line for line in lines if "SPDX" not in line]
    return "\n".join(lines).strip("\n"), text[comment.end() :].strip()


def section(path):
    head, code = head_and_code(path.read_text(encoding="utf-8"))
    # What is indented in the comment is a command.
    head = re.sub(r"^ {2}(?=\S)", "    ", head, flags=re.MULTILINE)
    question, mark, rest = head.partition("?")
    if mark and path.suffix == ".cc":
        title = " ".join(question.split()) + "?"
        head = rest.strip("\n") if rest.startswith("\n") else rest.lstrip(" ")
        begin = f"\n## {title}\n\n" + (f"{head}\n\n" if head else "")
    else:
        begin = f"\n{head}\n\n"
    return f"{begin}`examples/{path.name}`:\n\n```{LANGUAGES[path.suffix]}\n{code}\n```\n"


def main(files):
    files = {path.name: path for path in map(pathlib.Path, files) if path.suffix in LANGUAGES}
    if sorted(files) != sorted(ORDER):
        raise ValueError(f"examples {sorted(files)} are listed as {sorted(ORDER)}")
    print(INTRODUCTION + "".join(section(files[name]) for name in ORDER), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
