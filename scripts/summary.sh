#!/usr/bin/env bash
# Prints the last lines of `make test`: what has passed. After a failure make does not get here.
set -euo pipefail
cd "$(dirname "$0")/.."
printf 'app    %s\n' "$(tail -n 1 .cache/test-client.log)"
for part in unit whole; do
  log=.cache/test-$part.log
  printf '%-5s  %s packages passed, %s without tests\n' "$part" "$(grep -c '^ok ' "$log")" "$(grep -c 'no test files' "$log" || true)"
done

measured() {
  grep -q "^$1: " .cache/measured.log || return 0
  printf '\n%s:\n' "$2"
  sed -n "s/^$1: /  /p" .cache/measured.log
}
touch .cache/measured.log
measured app 'What the app costs in a browser'
measured pause 'How long each fault was felt by senders and readers'
