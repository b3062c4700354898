# SPDX-License-Identifier: Apache-2.0
"""Does what a page says, and compares what its commands print.

    wrong = Reader(folder, text).follow(deadline=60)

A fenced block after a line that is only a file's name is that file; in a `console` block, lines with
`$` are commands, and the others are what they print, among other things. Port 8080 is replaced by a
free one.
"""

import re
import socket
import subprocess

BLOCK = re.compile(r"(?:^`([\w./]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Reader:
    """Writes what a page says into `folder`, and runs its commands there."""

    def __init__(self, folder, text):
        self.folder = folder
        # Not the 80800 that quickstart.md finds too large.
        text = re.sub(r"\b8080\b", str(free_port()), text)
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

    def follow(self, deadline, environment=None):
        """What is wrong, or nothing. `deadline`: seconds for everything."""
        # Each job is a process group; what a page leaves running ends with it.
        script = ["set -m", "trap 'for job in $(jobs -p); do kill -- -$job 2>/dev/null; done' EXIT"]
        for number, (command, _) in enumerate(self.steps):
            script.append(f"printf '\\n@@ {number}\\n'\n{{ {command}\n}} || {{ printf '\\n@@ failed\\n'; exit 1; }}")
        script.append("printf '\\n@@ end\\n'")
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=deadline,
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
