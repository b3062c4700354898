#!/usr/bin/env bash
# Reads what the rules made of the options, and runs the programs that they built.
set -euo pipefail
fail() {
  echo "FAIL: $*"
  exit 1
}

grep -q '^#ticks = 3$' ticker.conf.sample || fail "the sample lacks ticks"
grep -q '^#graceful_shutdown_timeout = 60$' ticker.conf.sample || fail "the sample lacks the launcher's options"
for anchor in ticker.ticks DEFAULT.graceful_shutdown_timeout; do
  grep -q "id=\"$anchor\"" ticker.html || fail "the page lacks $anchor"
done
python3 - ticker.json <<'PY' || fail "the JSON lacks ticks"
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    options = json.load(file)["options"]["ticker"]["opts"]
assert [(option["name"], option["default"], option["min"]) for option in options] == [("ticks", 3, 1)]
PY
grep -q '^    - advanced: false$' ticker.yaml || fail "the YAML lacks an option"

./generator --namespace=ticker --format=ini | grep -q '^# From ticker$' || fail "the generator lacks ticker"

printf '[ticker]\nticks = 0\ntick = 1\n' >"$TEST_TMPDIR/bad.conf"
printf '[ticker]\nticks = 4\n' >"$TEST_TMPDIR/good.conf"
# With ticker's options linked, and with those that its YAML names.
for validator in ./validator "external/bergen/config/validator --opt-data=ticker.yaml"; do
  $validator --input-file="$TEST_TMPDIR/good.conf" || fail "$validator: a good file is refused"
  said=$($validator --input-file="$TEST_TMPDIR/bad.conf" 2>&1) && fail "$validator: a bad file is good"
  [[ $said == *"bad.conf:2: ticker.ticks: must be at least 1, got 0"* ]] || fail "$validator: $said"
  [[ $said == *"bad.conf:3: ticker.tick: unknown option; did you mean ticks?"* ]] || fail "$validator: $said"
done
