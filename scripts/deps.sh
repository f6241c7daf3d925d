#!/usr/bin/env bash
# Installs what the tests need besides Go and Node: the npm packages of the app and of the programs in test, the packages of the
# Python and Java programs of test/clients and, as root on Debian, Python's venv, a JDK, Maven, Chromium, RabbitMQ, PostgreSQL,
# HAProxy, nginx and promtool, none of which is started, and directories with the newest and the oldest RabbitMQ and PostgreSQL.
# With the argument "versions" it makes instead the directories with those in between, with "packages" it
# installs what the test of the deb and the rpm needs, with "release" what the check of a release needs. Its output is shown only
# when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
log=$PWD/.cache/deps.log
: >"$log"

quietly() {
  if ! "$@" >>"$log" 2>&1; then
    cat "$log"
    echo "failed: $*" >&2
    return 1
  fi
}

npm_packages() {
  local dir=$1 purpose=$2
  [ -f "$dir/package-lock.json" ] || return 0
  [ "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ] && return 0
  if ! command -v npm >/dev/null; then
    echo "npm is not installed: $purpose will be skipped"
    return 0
  fi
  echo "installing the npm packages of $dir"
  quietly npm ci --prefix "$dir" --no-audit --no-fund --ignore-scripts
}

# debian installs packages unless the command or file exists. If it cannot, it says what they are for.
debian() {
  local there=$1 purpose=$2
  shift 2
  if [ -e "$there" ] || command -v "$there" >/dev/null; then
    return 0
  fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$1 is not installed: $purpose will be skipped"
    return 0
  fi
  echo "installing $1"
  [ -n "${updated:-}" ] || quietly apt-get update
  updated=yes
  DEBIAN_FRONTEND=noninteractive without_services quietly apt-get install -y --no-install-recommends "$@"
  if command -v systemctl >/dev/null; then
    systemctl disable --quiet "$1" >>"$log" 2>&1 || true # not a service, or systemd does not run
  fi
}

# missing says what cannot be installed, and what that means.
missing() {
  echo "MISSING: $1: $2 will be skipped; .cache/deps.log says why"
}

# python_packages installs the packages of a requirements.txt in .cache/python, which has a copy of it when that is done.
python_packages() {
  local dir=$1 purpose=$2 to=.cache/python
  cmp -s "$dir/requirements.txt" "$to/requirements.txt" && return 0
  python3 -c 'import ensurepip, venv' 2>>"$log" || debian python3-venv "$purpose" python3-venv
  python3 -c 'import ensurepip, venv' 2>>"$log" || return 0 # debian has said what is missing
  echo "installing the Python packages of $dir"
  rm -rf "$to"
  if { python3 -m venv "$to" && "$to/bin/pip" install --disable-pip-version-check -r "$dir/requirements.txt"; } >>"$log" 2>&1; then
    cp "$dir/requirements.txt" "$to/"
    return 0
  fi
  missing "the Python packages of $dir" "$purpose"
}

# java_packages installs what a pom.xml depends on in a folder of .cache, which has a copy of it when that is done.
java_packages() {
  local dir=$1 to=.cache/$2 purpose=$3
  cmp -s "$dir/pom.xml" "$to/pom.xml" && return 0
  debian javac "$purpose" default-jdk-headless
  debian mvn "$purpose" maven
  command -v javac >/dev/null && command -v mvn >/dev/null || return 0 # debian has said what is missing
  echo "installing the Java packages of $dir"
  rm -rf "$to"
  if mvn -B -f "$dir/pom.xml" "-Dmaven.repo.local=$PWD/.cache/m2" "-DoutputDirectory=$PWD/$to" \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies >>"$log" 2>&1; then
    cp "$dir/pom.xml" "$to/"
    return 0
  fi
  missing "the Java packages of $dir" "$purpose"
}

# servers makes a root with RabbitMQ and PostgreSQL of a release of Debian. If it cannot, it says what that means. In CI it fails.
servers() {
  local suite=$1 purpose=$2
  if scripts/server-root.sh made "$suite"; then
    return 0
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    debian debootstrap "$purpose" debootstrap
    echo "making a root with the RabbitMQ and PostgreSQL of Debian's $suite, about a minute"
    if quietly scripts/server-root.sh make "$suite"; then
      return 0
    fi
  fi
  echo "MISSING: root on Debian, or its archive: $purpose will be skipped"
  [ "${CI:-}" != true ]
}

# without_services prevents packages from starting their services: the tests start private servers.
without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  ( # a subshell, whose trap also runs after a Ctrl-C
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    "$@"
  )
}

case "${1:-}" in
versions)
  servers trixie "the tests on RabbitMQ 4.0 and PostgreSQL 17"
  exit
  ;;
packages)
  debian debootstrap "the test of the packages" debootstrap
  debian systemd-nspawn "the test of the packages" systemd-container
  exit
  ;;
release)
  debian unzip "the check of a release" unzip
  exit
  ;;
esac
clients="the tests of the JavaScript clients"
npm_packages test/e2e/js "the tests with the official SignalR client"
npm_packages test/proxies/js "the tests with a development proxy"
npm_packages client "the checks of the app"
npm_packages test/app/js "the test of the app's core on Hermes"
npm_packages test/clients/js "$clients" || missing "the npm packages of test/clients/js" "$clients"
python_packages test/clients/python "the tests of the Python clients"
java_packages test/clients/java java "the tests of the Java client"
java_packages test/clients/java/messagepack java-messagepack "the test of the Java client over MessagePack"
debian chromium "the browser tests" chromium fonts-noto-color-emoji fonts-noto-cjk
debian /usr/lib/rabbitmq/bin/rabbitmq-server "the tests on RabbitMQ" rabbitmq-server
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || debian initdb "the tests on PostgreSQL" postgresql
debian /usr/sbin/haproxy "the tests of the load balancer" haproxy
debian /usr/sbin/nginx "the tests of proxies" nginx
debian promtool "the tests of the alerts" prometheus
servers forky "the tests on the newest RabbitMQ and PostgreSQL"
servers bookworm "the tests on the oldest RabbitMQ and PostgreSQL"
