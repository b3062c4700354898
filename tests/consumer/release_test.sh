#!/usr/bin/env bash
# Builds and tests this workspace in a copy that has Bergen from a release archive, by http_archive. Run by hand
# and by .ci/run, since it runs bazel.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
folder=$(mktemp -d)
trap 'cd "$folder/consumer" && bazel clean --expunge >/dev/null 2>&1; rm -rf "$folder"' EXIT

cp -r "$here" "$folder/consumer"
rm -f "$folder"/consumer/bazel-*
"$root/tools/release.sh" "$folder" >"$folder/repository"
"$root/tools/release.sh" "$folder" | cmp - "$folder/repository"

cd "$folder/consumer"
python3 - "$folder/repository" <<'PY'
import pathlib, re, sys

repository = pathlib.Path(sys.argv[1]).read_text()
workspace = pathlib.Path("WORKSPACE")
text, count = re.subn(r"# Yours is an http_archive.*?\)\n", lambda _: repository, workspace.read_text(), flags=re.S)
assert count == 1, "no local_repository in WORKSPACE"
workspace.write_text(text)
PY
"$root/bazelw" test --noshow_progress "$@" //...
