#!/bin/sh
# Before the files of the package are removed. dpkg calls it with "remove" or "upgrade", rpm with 0 or 1.
set -e
[ -d /run/systemd/system ] || exit 0
case "$1" in
remove | 0) systemctl --quiet disable --now restante.service ;;
esac
