#!/usr/bin/env bash
# Compares a file with one that is generated, or replaces it; for config_docs_test of defs.bzl.
#
#   checked_in_file.sh GENERATED FILE TARGET    TARGET, which `bazel run` takes, replaces FILE
#   checked_in_file.sh --update GENERATED FILE  FILE is relative to the workspace
set -euo pipefail
if [[ $1 == --update ]]; then
  cat "$2" >"${BUILD_WORKSPACE_DIRECTORY:?is set by bazel run}/$3"
  exit
fi
diff -u "$2" "$1" && exit
echo "$2 is not what is generated now. To update it: bazel run $3"
exit 1
