#!/usr/bin/env bash
# The last lines of `make test`: what has passed. A failure has ended make before this.
set -euo pipefail
cd "$(dirname "$0")/.."
printf 'app    %s\n' "$(tail -n 1 .cache/test-client.log)"
for part in unit whole; do
  log=.cache/test-$part.log
  printf '%-5s  %s packages passed, %s without tests\n' "$part" "$(grep -c '^ok ' "$log")" "$(grep -c 'no test files' "$log" || true)"
done

if [ -s .cache/pauses.log ]; then
  printf '\nHow long each fault was felt by senders and readers:\n'
  sed 's/^pause: /  /' .cache/pauses.log
fi
