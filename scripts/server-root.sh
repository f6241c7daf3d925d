#!/usr/bin/env bash
# Makes a Debian root with RabbitMQ and PostgreSQL of a release of Debian, from which the tests run their servers. It is kept
# outside the clone for the next run, and made anew when the recipe changes. That takes half a minute and 300 MB.
#
#   scripts/server-root.sh where SUITE   prints its directory, or / if this machine is of that release
#   scripts/server-root.sh made SUITE    ends with 0 if there is nothing to make
#   scripts/server-root.sh make SUITE    makes it; needs root on Debian
#
# RESTANTE_SERVER_ROOTS is the directory for all roots, for trying this script.
set -euo pipefail
roots=${RESTANTE_SERVER_ROOTS:-/var/cache/restante-servers}
recipe=1 # raised when a change below must reach the roots that exist
suite=$2
root=$roots/$suite

# field prints a field of the machine's os-release, such as ID.
field() { sed -n "s/^$1=\"\?\([^\"]*\)\"\?$/\1/p" /etc/os-release 2>/dev/null || true; }

# mirror prints the address of Debian's archive that apt uses on this machine.
mirror() {
  local found
  # shellcheck disable=SC2016 # the variables are those of apt
  found=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null | sed -n 's/^Debian //p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian/}"
}

is_made() { [ "$(cat "$root/etc/restante-recipe" 2>/dev/null)" = "$recipe" ]; }

# install installs the servers in a root that debootstrap has made. It runs in a mount namespace of its own.
install() {
  local part=$1
  mount -t proc proc "$part/proc"
  mount --rbind /dev "$part/dev"
  cp /etc/resolv.conf "$part/etc/resolv.conf"
  apt-config dump | grep -i '^Acquire::.*proxy' >"$part/etc/apt/apt.conf.d/98proxy" || true
  DEBIAN_FRONTEND=noninteractive chroot "$part" sh -euc 'apt-get update; apt-get install -y rabbitmq-server postgresql; apt-get clean'
}

make_root() {
  local part=$root.part script=() include=() archive
  archive=$(mirror)
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/sid) # a suite that is newer than debootstrap
  [[ $archive != https:* ]] || include=(--include=ca-certificates)
  rm -rf "$part"
  debootstrap --variant=minbase "${include[@]}" "$suite" "$part" "$archive" "${script[@]}"
  printf 'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "false";\n' >"$part/etc/apt/apt.conf.d/99restante"
  printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d" # no service is started
  chmod +x "$part/usr/sbin/policy-rc.d"
  echo '127.0.0.1 localhost' >"$part/etc/hosts"
  unshare --mount --propagation slave "$0" install "$suite" "$part"
  rm -rf "$part"/var/lib/apt/lists/* "$part/usr/share/doc" "$part/usr/share/locale" "$part/usr/share/man"
  echo "$recipe" >"$part/etc/restante-recipe"
  rm -rf "$root.old"
  [ ! -e "$root" ] || mv "$root" "$root.old"
  mv "$part" "$root"
  rm -rf "$root.old"
}

is_machine() { [ "$(field VERSION_CODENAME)" = "$suite" ]; }

case $1 in
where) if is_machine; then echo /; else echo "$root"; fi ;;
made) is_machine || is_made ;;
make)
  if [ "$(id -u)" != 0 ] || [ "$(field ID)" != debian ]; then
    echo "root on Debian is needed to make $root" >&2
    exit 1
  fi
  mkdir -p "$roots"
  exec 9>"$roots/$suite.lock"
  flock 9 # another clone may make it at the same moment
  is_made || make_root
  ;;
install) install "$3" ;;
esac
