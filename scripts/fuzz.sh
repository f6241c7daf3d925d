#!/usr/bin/env bash
# Runs every fuzz test of the module, one after the other, for the time given.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-20s}

found=0
while IFS=: read -r file name; do
  found=$((found + 1))
  echo "== $name in $(dirname "$file"), $time"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")"
done < <(git ls-files -co --exclude-standard '*_test.go' | xargs grep -oHE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$found" -gt 0 ] || { echo "no fuzz test found" >&2; exit 1; }
