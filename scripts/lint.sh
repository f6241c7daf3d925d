#!/usr/bin/env bash
# Runs the linter, and builds it first if this clone does not have it. If it cannot be built, the check fails.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.15.0
bin=$PWD/.cache/bin
export GOLANGCI_LINT_CACHE=$PWD/.cache/golangci-lint

if ! "$bin/golangci-lint" version 2>/dev/null | grep -qF "version $version"; then
  echo "building golangci-lint $version, about three minutes the first time"
  GOBIN=$bin go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$version"
fi
"$bin/golangci-lint" run ./...
