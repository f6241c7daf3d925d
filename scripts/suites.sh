#!/usr/bin/env bash
# Runs what depends on the versions of RabbitMQ and PostgreSQL with those of one release of Debian: the suites of the drivers, the
# fault tests of the servers and of several nodes, and a short way from POST to the clients. What is on the screen is also in LOG.
#
#   scripts/suites.sh SUITE LOG      RERUN as in the Makefile; RESTANTE_TEST_LONG=1 for the long form of long tests;
#                                    SHORT=1 for the shipped settings and the way from POST to the clients only
set -euo pipefail
cd "$(dirname "$0")/.."
suite=$1 log=$2
RESTANTE_TEST_ROOT=$(scripts/server-root.sh where "$suite")
RESTANTE_TEST_MEASURED=$PWD/${log%.log}.measured
export RESTANTE_TEST_ROOT RESTANTE_TEST_MEASURED

# The shipped settings of the servers, the fault tests about them, the links to them and a store that went back, and those of the
# end-to-end tests that send, read and catch up.
short='TestServers_|TestHub_OfficialClientOverEveryWire/cluster|TestEvents_/cluster|TestContract_SinceGivesEverythingWithoutALimit/cluster'
whole="$short|TestRabbitMQ_|TestPostgreSQL_|TestLinks_|TestConsumers?_|TestInbox_|TestPoison_|TestStores_|TestEpochs_Asynchronous"

# run runs tests one package after the other, with the log of this half.
run() {
  local half=$1
  shift
  bin/rerun ${RERUN:+-again} -append -log "$log.$half" -- -count=1 -timeout=15m -p=1 "$@"
}

servers() { run servers ./internal/store/postgres && run servers "-run=$whole" ./test/deploy ./test/faults ./test/e2e; }

rm -f "$log".* "$RESTANTE_TEST_MEASURED"
bin/nodes -versions | tee "$log"
if [ -n "${SHORT:-}" ]; then
  run short "-run=$short" ./test/deploy ./test/e2e || failed=yes
  cat "$log.short" >>"$log"
  cat "$log".*.flaky >"$log.flaky"
  rm "$log".short*
  [ -z "${failed:-}" ]
  exit
fi
# Two halves run beside each other, because both mostly wait for servers that are down.
run rabbitmq ./internal/broker/rabbitmq/... &
rabbitmq=$! failed=''
servers || failed=yes
wait "$rabbitmq" || failed=yes
cat "$log.rabbitmq" "$log.servers" >>"$log"
cat "$log".*.flaky >"$log.flaky"
rm "$log".rabbitmq* "$log".servers*
[ -z "$failed" ]
