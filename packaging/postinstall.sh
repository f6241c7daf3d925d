#!/bin/sh
# After the files of the package are in place. A server that runs is restarted with the new version; a new installation is
# not started, since the operator first says who may use it.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl try-restart restante.service
