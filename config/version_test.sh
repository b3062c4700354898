#!/usr/bin/env bash
# What programs say to --version begins with their name and Bergen's version.
set -euo pipefail
version=$(<"$1")
shift
for program in "$@"; do
  said=$("./$program" --version)
  [[ $said == "bergen $version, "* ]] || {
    echo "FAIL: $program says: $said"
    exit 1
  }
done
