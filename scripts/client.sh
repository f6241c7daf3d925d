#!/usr/bin/env bash
# Checks the app with what npm has installed. Where there is no npm it is skipped, but not in CI, as with the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
export RERUN_FLAKY=$PWD/.cache/test-client.log.flaky
: >"$RERUN_FLAKY"
if [ -d client/node_modules ]; then
  node client/scripts/check.mjs 2>&1 | tee .cache/test-client.log
else
  echo "MISSING: the npm packages of client, so it is not checked" | tee .cache/test-client.log
  [ "${CI:-}" != true ]
fi
