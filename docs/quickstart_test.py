#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what quickstart.md says: writes its files, runs its commands, and compares what they print.

    docs/quickstart_test.py

Runs bazel, so it is no test of bazel's; .ci/run runs it. A fenced block after a line that is only a
file's name is that file; in a `console` block, lines with `$` are commands and the others what they
print, among other things. Port 8080 is replaced by a free one.
"""

import pathlib
import re
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?:^`([\w./]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DEADLINE = 1200  # Seconds, for everything; builds are slow the first time.


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Reader:
    """Follows the page in `folder`, where Bergen is beside what is made."""

    def __init__(self, folder, text):
        self.folder = folder
        self.steps = []  # (command, what it must print)
        for name, language, body in BLOCK.findall(text):
            if name:
                self.steps.append((f"cat >'{folder / name}' <<'END_OF_FILE'\n{body}END_OF_FILE", []))
            elif language == "console":
                for line in body.splitlines():
                    if line.startswith("$ "):
                        self.steps.append((line[2:], []))
                    else:
                        self.steps[-1][1].append(line)
            else:
                raise ValueError(f"a block without a file: {body}")

    def follow(self):
        """What is wrong, or nothing."""
        script = ["set -m"]
        for number, (command, _) in enumerate(self.steps):
            script.append(f"echo '@@ {number}'\n{{ {command}\n}} || {{ echo '@@ failed'; exit 1; }}")
        script.append("echo '@@ end'")
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
        )
        pieces = re.split(r"^@@ (\d+|failed|end)\n", done.stdout, flags=re.MULTILINE)
        printed = dict(zip(pieces[1::2], pieces[2::2]))
        for number, (command, expected) in enumerate(self.steps):
            if str(number) not in printed:
                return f"never came to: {command}\n{done.stdout}"
            at = 0
            # Blanks may differ: bazel aligns its table.
            lines = [" ".join(line.split()) for line in printed[str(number)].splitlines()]
            for line in expected:
                found = [i for i, text in enumerate(lines) if i >= at and " ".join(line.split()) in text]
                if not found:
                    return f"$ {command}\nshould print: {line}\nbut printed:\n{printed[str(number)]}"
                at = found[0] + 1
        return f"failed:\n{done.stdout}" if "failed" in printed or "end" not in printed else None


def main():
    text = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    # Not the 80800 that is too large.
    text = re.sub(r"\b8080\b", str(free_port()), text)
    with tempfile.TemporaryDirectory(prefix="quickstart.") as name:
        folder = pathlib.Path(name)
        (folder / "bergen").symlink_to(ROOT)
        reader = Reader(folder, text)
        try:
            wrong = reader.follow()
        finally:
            workspace = folder / "hello"
            if workspace.exists():
                subprocess.run(["bazel", "clean", "--expunge"], cwd=workspace, capture_output=True, check=False)
    if wrong:
        sys.exit(f"quickstart.md: {wrong}")
    print(f"quickstart.md: {len(reader.steps)} steps, as it says")


if __name__ == "__main__":
    main()
