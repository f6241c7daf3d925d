#!/usr/bin/env bash
# Installs what the tests need besides Go and Node: the npm packages of test/e2e/js and, as root on Debian, Chromium. Its
# output is shown only when something fails.
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
  local dir=$1
  [ -f "$dir/package-lock.json" ] || return 0
  [ "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ] && return 0
  if ! command -v npm >/dev/null; then
    echo "npm is not installed: the tests with the official SignalR client will be skipped"
    return 0
  fi
  echo "installing the npm packages of $dir"
  quietly npm ci --prefix "$dir" --no-audit --no-fund --ignore-scripts
}

browser() {
  command -v chromium >/dev/null && return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium is not installed: the browser tests will be skipped"
    return 0
  fi
  echo "installing chromium"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update
  quietly apt-get install -y --no-install-recommends chromium fonts-noto-color-emoji fonts-noto-cjk
}

npm_packages test/e2e/js
browser
