#!/usr/bin/env bash
# Prints the last lines of `make test`: what has passed. After a failure make does not get here.
set -euo pipefail
cd "$(dirname "$0")/.."
printf 'app    %s\n' "$(tail -n 1 .cache/test-client.log)"
for part in unit whole oldest; do
  log=.cache/test-$part.log
  printf '%-6s %s packages passed, %s without tests%s\n' "$part" "$(grep -c '^ok ' "$log")" "$(grep -c 'no test files' "$log" || true)" \
    "$(sed -n 's/^servers: /, on /p; s/^MISSING: /, MISSING: /p; 1q' "$log")"
done

measured() {
  local file=$1 kind=$2 title=$3
  grep -qs "^$kind: " "$file" || return 0
  printf '\n%s:\n' "$title"
  sed -n "s/^$kind: /  /p" "$file"
}
measured .cache/measured.log app 'What the app costs in a browser'
measured .cache/measured.log pause 'How long each fault was felt by senders and readers'
measured .cache/test-oldest.measured pause 'The same with the oldest RabbitMQ and PostgreSQL'

flaky=$(cat .cache/test-{client,unit,whole,oldest}.log.flaky 2>/dev/null || true)
if [ -n "$flaky" ]; then
  printf '\nPassed only the second time: the test, or what it tests, has a fault:\n%s\n' "$flaky"
fi
