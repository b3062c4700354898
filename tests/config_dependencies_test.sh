#!/usr/bin/env bash
# //config reaches neither gRPC, protobuf nor BoringSSL, and its registry no parser of
# documents. $1 is what it reaches of them, $2 what a target that does reach them does.
set -euo pipefail
if [[ -s $1 ]]; then
  echo "config depends on:"
  cat "$1"
  exit 1
fi
[[ -s $2 ]] || {
  echo "the query finds nothing where there is something"
  exit 1
}
