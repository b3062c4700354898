#!/usr/bin/env bash
# Prints a C++ header with the version in the file $1.
set -euo pipefail
version=$(<"$1")
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  echo "$1: must be one line like 1.2.3, got: $version" >&2
  exit 1
fi
cat <<EOF
// Made from the file VERSION.

#ifndef CONFIG_VERSION_H_
#define CONFIG_VERSION_H_

namespace bergen {

// Of Bergen: MAJOR.MINOR.PATCH. A program of yours has its own.
inline constexpr char kVersion[] = "$version";

}  // namespace bergen

#endif  // CONFIG_VERSION_H_
EOF
