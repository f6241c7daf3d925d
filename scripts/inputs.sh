#!/usr/bin/env bash
# Says whether the inputs of a long check, which seldom change, are those of the last run that passed.
#
#   scripts/inputs.sh same SUMS PATH…    succeeds if they are the same; otherwise it prints which differ, and fails
#   scripts/inputs.sh note SUMS PATH…    writes SUMS, which belongs into the same commit as the change
set -euo pipefail
cd "$(dirname "$0")/.."
verb=$1 sums=$2
shift 2
name=$(basename "$sums" .sha256)
mkdir -p .cache
git ls-files -co --exclude-standard -- "$@" | grep -vxF "$sums" | LC_ALL=C sort | xargs sha256sum >".cache/$name.sha256"
case $verb in
same)
  if cmp -s ".cache/$name.sha256" "$sums"; then
    echo "$name: its inputs have not changed"
    exit 0
  fi
  echo "$name: these inputs have changed:"
  touch "$sums" # which does not exist before the first time
  { diff "$sums" ".cache/$name.sha256" || true; } | sed -n 's/^[<>] [0-9a-f]* */  /p' | sort -u
  exit 1
  ;;
note)
  cp ".cache/$name.sha256" "$sums"
  echo "$name: $sums has the new sums; commit it"
  ;;
esac
