#!/usr/bin/env bash
# Runs on the oldest RabbitMQ and PostgreSQL what depends on their versions: all of it when the drivers, or what tests them,
# differ from what the last run that passed was made with; otherwise only the short way from POST to the clients.
#
#   scripts/oldest-check.sh SUITE LOG      as scripts/suites.sh
set -euo pipefail
cd "$(dirname "$0")/.."
sums=test/oldest.sha256
inputs=(
  internal/broker internal/store internal/event internal/epoch internal/peer internal/testkit go.mod
  scripts/oldest-check.sh scripts/suites.sh scripts/server-root.sh
)
if scripts/inputs.sh same "$sums" "${inputs[@]}"; then
  SHORT=1 scripts/suites.sh "$@"
  exit
fi
scripts/suites.sh "$@"
scripts/inputs.sh note "$sums" "${inputs[@]}"
