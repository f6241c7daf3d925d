#!/usr/bin/env bash
# Builds a snapshot and tests its packages when something that they are made with differs from what the last run that passed
# was made with.
set -euo pipefail
cd "$(dirname "$0")/.."
sums=packaging/snapshot.sha256
inputs=(
  .goreleaser.yaml packaging go.mod go.sum LICENSE NOTICE test/licenses/texts_test.go
  scripts/release.sh scripts/packages-test.sh scripts/packages-inside.sh
)
scripts/inputs.sh same "$sums" "${inputs[@]}" && exit
scripts/release.sh --snapshot
scripts/packages-test.sh
scripts/inputs.sh note "$sums" "${inputs[@]}"
