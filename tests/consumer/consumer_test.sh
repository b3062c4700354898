#!/usr/bin/env bash
# Runs the three programs.
set -euo pipefail
fail() {
  echo "FAIL: $*"
  exit 1
}

[[ $(./config_only) == "ticks = 3" ]] || fail "the default"
[[ $(./config_only --set ticker.ticks=5) == "ticks = 5" ]] || fail "--set"
message=$(./config_only --set ticker.ticks=0 2>&1) && fail "0 was accepted"
[[ $message == *"ticker.ticks: must be at least 1"* ]] || fail "no reason: $message"

# Both programs run until SIGTERM and then end with status 0. `read` waits for their output.
coproc ticker { exec ./ticker 2>/dev/null; }
ticker_pid=$!
for _ in 1 2 3 4 5 6; do
  read -r -t 30 line <&"${ticker[0]}"
  [[ $line == tick ]] || fail "not a tick: $line"
done
kill "$ticker_pid"
wait "$ticker_pid" || fail "ticker ended with $?"

coproc hello { exec ./hello 2>/dev/null; }
hello_pid=$!
read -r -t 30 _ _ url <&"${hello[0]}"
answer=$(curl -sS --max-time 30 "$url/")
[[ $answer == "Hello, world!" ]] || fail "answer: $answer"
kill "$hello_pid"
wait "$hello_pid" || fail "hello ended with $?"

for program in config_only hello ticker; do
  ! ldd "$program" | grep -E 'lib(ssl|crypto)\.so' || fail "$program loads OpenSSL"
done
! ldd ./config_only | grep -E 'grpc|protobuf' || fail "config_only loads gRPC"
