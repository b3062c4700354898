#!/usr/bin/env bash
# //periodic reaches neither gRPC, protobuf nor BoringSSL. $1 is what it reaches of them, $2
# what its etcd_leader does.
set -euo pipefail
if [[ -s $1 ]]; then
  echo "periodic depends on:"
  cat "$1"
  exit 1
fi
[[ -s $2 ]] || {
  echo "the query finds nothing where there is something"
  exit 1
}
