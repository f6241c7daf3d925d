#!/usr/bin/env bash
# Runs what depends on the versions of RabbitMQ and PostgreSQL with those of one release of Debian: the suites of the drivers, the
# fault tests of the servers and of several nodes, and a short way from POST to the clients. What is on the screen is also in LOG.
#
#   scripts/suites.sh SUITE LOG      RERUN as in the Makefile; RESTANTE_TEST_LONG=1 for the long form of long tests
set -euo pipefail
cd "$(dirname "$0")/.."
suite=$1 log=$2
RESTANTE_TEST_ROOT=$(scripts/server-root.sh where "$suite")
export RESTANTE_TEST_ROOT

drivers=(./internal/broker/rabbitmq/... ./internal/store/postgres)
whole=(
  'TestRabbitMQ_|TestPostgreSQL_|TestLinks_|TestConsumers?_|TestInbox_|TestPoison_|TestVersions_'         # test/faults
  'TestHub_OfficialClientOverEveryWire/cluster|TestEvents_|TestContract_SinceIsExactAndNeverSkips/cluster' # test/e2e
)

: >"$log"
echo "on $(bin/nodes -versions)" | tee -a "$log"
again=${RERUN:+-again}
bin/rerun $again -append -log "$log" -- -count=1 -timeout=15m -p=2 "${drivers[@]}"
bin/rerun $again -append -log "$log" -- -count=1 -timeout=15m -p=2 "-run=$(IFS='|' && echo "${whole[*]}")" ./test/faults ./test/e2e
