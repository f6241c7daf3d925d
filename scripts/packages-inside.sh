#!/bin/bash
# What scripts/packages-test.sh runs in a booted Debian: installs the package, uses the server, upgrades and removes it.
# Lines with => are shown when everything has passed.
set -euxo pipefail
cd /check
format=$1

# not fails when the command succeeds: a command behind an exclamation mark never ends a script.
not() { if "$@"; then return 1; fi; }
install_it() {
  case $format in
  deb) dpkg -i --force-confold restante.deb ;;
  rpm) rpm -U --nodeps --replacepkgs restante.rpm ;;
  esac
}
remove_it() {
  case $format in
  deb) dpkg -r restante ;;
  rpm) rpm -e restante ;;
  esac
}
ready() {
  for _ in $(seq 100); do
    curl -sf http://127.0.0.1:8080/readyz >/dev/null && return
    sleep 0.1
  done
  journalctl --no-pager -u restante
  return 1
}
property() { systemctl show -P "$1" restante; }
readable() { curl -sf "http://127.0.0.1:8080/rooms/lobby/messages?after=0" | grep -F 'hello from a package'; }

install_it
[ "$(systemctl is-active restante)" = inactive ] # it is not started before the operator wants it
[ "$(stat -c '%a %U' /etc/restante/restante.env)" = "600 root" ]
test -s /usr/share/doc/restante/licenses.txt
systemd-analyze verify restante.service
systemd-analyze security --threshold=20 --no-pager restante.service | tail -n 1
systemctl enable --now restante
ready
[ "$(curl -s -o /dev/null -w '%{http_code}' -X POST 'http://127.0.0.1:8080/message?msg=hello+from+a+package&client_id=ann')" = 202 ]
readable
echo "=> $(restante version) answers 202 and gives the message back"

pid=$(property MainPID)
[ "$(property ExecStart | grep -o 'argv\[\]=[^;]*')" = 'argv[]=/usr/bin/restante serve ' ]
[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = '/usr/bin/restante serve ' ]
grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr -s '\t' ' ' >status
cat status
not grep -q '^Uid: 0 ' status
grep -qx 'CapEff: 0000000000000000' status
grep -qx 'CapBnd: 0000000000000000' status
grep -qx 'NoNewPrivs: 1' status
grep -qx 'Seccomp: 2' status # a filter
not nsenter -t "$pid" -m touch /usr/bin/x
[ "$(stat -c %a /var/lib/restante/restante.db)" = 600 ]
[ "$(property LimitNOFILE)" = 65536 ]
echo "=> systemd $(systemctl --version | awk 'NR == 1 { print $2 }') holds it in the unit's sandbox: no root, no capabilities, filtered calls"

echo 'RESTANTE_LOG_LEVEL=debug' >>/etc/restante/restante.env
install_it # as an upgrade does
ready
[ "$(property MainPID)" != "$pid" ]
readable
grep -q RESTANTE_LOG_LEVEL /etc/restante/restante.env
tr '\0' '\n' <"/proc/$(property MainPID)/environ" | grep -x RESTANTE_LOG_LEVEL=debug
echo "=> an upgrade restarts it, with its settings and its messages"

remove_it
not systemctl --quiet is-active restante
not test -e /usr/bin/restante
not test -e /usr/lib/systemd/system/restante.service
not pgrep -x restante
test -s /var/lib/restante/restante.db || test -s /var/lib/private/restante/restante.db
echo "=> removing it stops it, and keeps its messages"
touch passed
