#!/usr/bin/env bash
# Installs the deb and the rpm of dist in a Debian root of their own, boots systemd there, and uses the server under the
# sandbox of its unit (scripts/packages-inside.sh). Where no systemd can be booted, because this is not root on Debian, it
# checks the unit with systemd-analyze only, and fails in CI. Nothing is left behind but the root in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$PWD/.cache/debian-root
deb=$PWD/$(ls dist/restante_*_"$(go env GOARCH)".deb)
rpm=$PWD/$(ls dist/restante-*."$(uname -m)".rpm)

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "MISSING: root on Debian, so no systemd is booted: the unit is checked with systemd-analyze only"
  systemd-analyze security --offline=true --threshold=20 packaging/restante.service
  [ "${CI:-}" != true ]
  exit
fi
scripts/deps.sh packages

if [ ! -d "$base" ]; then
  echo "making a Debian root, about a minute the first time"
  rm -rf "$base.new"
  if ! debootstrap --variant=minbase --include=systemd,rpm,curl bookworm "$base.new" http://deb.debian.org/debian >.cache/debootstrap.log 2>&1; then
    tail -n 20 .cache/debootstrap.log
    exit 1
  fi
  mv "$base.new" "$base"
fi

# boot installs one package in a copy of the root and runs the check there. It runs in namespaces of its own, so that no
# mount and no process outlives it.
boot() {
  local scratch=$1 format=$2 package=$3
  mount -t tmpfs tmpfs /run
  mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
  mkdir "$scratch/root/check"
  cp "$package" "$scratch/root/check/restante.$format"
  cp scripts/packages-inside.sh "$scratch/root/check/inside"
  cat >"$scratch/root/etc/systemd/system/check.service" <<EOF
[Unit]
After=multi-user.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/check/inside $format
StandardOutput=append:/check/log
StandardError=inherit
TimeoutStartSec=240
[Install]
WantedBy=default.target
EOF
  chroot "$scratch/root" systemctl --quiet enable check.service
  # A network of its own has its own 127.0.0.1, so that the server's port is free.
  timeout --foreground --kill-after=10 300 systemd-nspawn --quiet --directory="$scratch/root" --boot --private-network --register=no \
    --keep-unit --console=pipe </dev/null >"$scratch/console" 2>&1 || true
  [ -e "$scratch/root/check/passed" ]
}

if [ "${1:-}" = boot ]; then
  boot "${@:2}"
  exit
fi
child='' scratch=''
trap '[ -z "$child" ] || kill -KILL "$child" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
for format in deb rpm; do
  scratch=$(mktemp -d)
  # In the background, so that a signal is handled at once. With it ends whatever runs in its namespaces.
  unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" boot "$scratch" "$format" "${!format}" &
  child=$!
  if ! wait "$child"; then
    cat "$scratch/console" "$scratch/upper/check/log" 2>/dev/null || true
    echo "the $format does not install and serve under its sandbox" >&2
    exit 1
  fi
  child=''
  grep '^=> ' "$scratch/upper/check/log" | sed "s/^=> /$format: /"
  rm -rf "$scratch"
done
