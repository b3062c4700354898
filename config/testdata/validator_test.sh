#!/usr/bin/env bash
# Runs the validator that a rule built ($1) on a good and a bad file.
set -euo pipefail
good=$TEST_TMPDIR/good.conf
bad=$TEST_TMPDIR/bad.conf
printf '[DEFAULT]\nworkers = 2\n' >"$good"
printf '[DEFAULT]\nworkers = 0\n' >"$bad"
"$1" --input-file="$good"
if said=$("$1" --input-file="$bad" 2>&1); then
  echo "a bad file was accepted"
  exit 1
fi
[[ $said == "$bad:2: DEFAULT.workers: must be at least 1, got 0" ]] || {
  echo "unexpected: $said"
  exit 1
}
