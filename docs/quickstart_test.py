#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what quickstart.md says: writes its files, runs its commands, and compares what they print.

    docs/quickstart_test.py

Runs bazel, so it is no test of bazel's; .ci/run runs it.
"""

import pathlib
import subprocess
import sys
import tempfile

from page_reader import Reader

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEADLINE = 1200  # Seconds, for everything; builds are slow the first time.
def main():
    text = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="quickstart.") as name:
        folder = pathlib.Path(name)
        (folder / "bergen").symlink_to(ROOT)
        reader = Reader(folder, text)
        try:
            wrong = reader.follow(DEADLINE)
        finally:
            workspace = folder / "hello"
            if workspace.exists():
                subprocess.run(["bazel", "clean", "--expunge"], cwd=workspace, capture_output=True, check=False)
    if wrong:
        sys.exit(f"quickstart.md: {wrong}")
    print(f"quickstart.md: {len(reader.steps)} steps, as it says")


if __name__ == "__main__":
    main()
