#!/usr/bin/env bash
# Writes bergen-VERSION.tar.gz, the tree of a commit, and prints what a WORKSPACE says to use it.
# The same commit gives the same bytes.
#
#   ./bazelw run //tools:release -- [DIRECTORY [COMMIT]]    (default: the current one, HEAD)
set -euo pipefail
root=${BUILD_WORKSPACE_DIRECTORY:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
cd "${BUILD_WORKING_DIRECTORY:-$PWD}"
directory=$(cd "${1:-.}" && pwd)
commit=${2:-HEAD}
version=$(git -C "$root" show "$commit:VERSION")
name=bergen-$version
git -C "$root" archive --format=tar --prefix="$name/" "$commit" | gzip -9n >"$directory/$name.tar.gz"
sum=$(sha256sum "$directory/$name.tar.gz")
cat <<EOF
load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")

http_archive(
    name = "bergen",
    sha256 = "${sum%% *}",
    strip_prefix = "$name",
    urls = ["file://$directory/$name.tar.gz"],
)
EOF
