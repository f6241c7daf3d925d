#!/usr/bin/env bash
# Builds a snapshot and tests its packages when something that they are made with differs from what the last run that
# passed was made with. Then it notes the new sums, which belong into the same commit as the change.
set -euo pipefail
cd "$(dirname "$0")/.."
sums=packaging/inputs.sha256
mkdir -p .cache

git ls-files -co --exclude-standard -- .goreleaser.yaml packaging go.mod go.sum LICENSE NOTICE test/licenses/texts_test.go \
  scripts/release.sh scripts/packages-test.sh scripts/packages-inside.sh |
  grep -vxF "$sums" | LC_ALL=C sort | xargs sha256sum >.cache/inputs.sha256
if cmp -s .cache/inputs.sha256 "$sums"; then
  echo "snapshot: its inputs have not changed"
  exit 0
fi
echo "snapshot: these inputs have changed:"
touch "$sums" # which does not exist before the first time
{ diff "$sums" .cache/inputs.sha256 || true; } | sed -n 's/^[<>] [0-9a-f]* */  /p' | sort -u
scripts/release.sh --snapshot
scripts/packages-test.sh
cp .cache/inputs.sha256 "$sums"
echo "snapshot: $sums has the new sums; commit it"
