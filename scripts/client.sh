#!/usr/bin/env bash
# Checks the app with its npm packages. Without npm it skips the checks, except in CI, where it fails.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
if [ -d client/node_modules ]; then
  node client/scripts/check.mjs 2>&1 | tee .cache/test-client.log
else
  echo "MISSING: the npm packages of client, so it is not checked" | tee .cache/test-client.log
  [ "${CI:-}" != true ]
fi
