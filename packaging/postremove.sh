#!/bin/sh
# After the files of the package were removed. The messages in /var/lib/restante are kept: they may be the only copy.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
