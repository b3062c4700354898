#!/usr/bin/env bash
# Runs the script behind config_docs_test ($1) on files that are the same and that differ.
set -euo pipefail
script=$PWD/$1
cd "$TEST_TMPDIR"
fail() {
  echo "FAIL: $*"
  exit 1
}
printf 'a\nb\n' >generated
cp generated same
printf 'a\nold\n' >old

"$script" generated same //x:y.update || fail "equal files differ"
said=$("$script" generated old //x:y.update) && fail "different files are equal"
[[ $said == *-old*+b*"old is not what is generated now. To update it: bazel run //x:y.update" ]] ||
  fail "unexpected: $said"
"$script" generated missing //x:y.update 2>/dev/null && fail "a missing file is equal"

BUILD_WORKSPACE_DIRECTORY=$PWD "$script" --update generated old
"$script" generated old //x:y.update || fail "the update changed nothing"
(unset BUILD_WORKSPACE_DIRECTORY && "$script" --update generated old) 2>/dev/null && fail "updated outside of bazel run"
exit 0
