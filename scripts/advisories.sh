#!/usr/bin/env bash
# Asks the databases of advisories about what the binary and the app are made of, and the npm registry for the signatures of its
# packages. What cannot be reached from here is said and is no failure: test/advisories compares the versions with the committed
# list in any case. A finding is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOBIN=$PWD/.cache/bin
vulncheck=v1.1.4
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# say prints one line: what was asked, and the answer.
say() { printf 'advisories  %-24s %s\n' "$1" "$2"; }

if curl -sf --max-time 5 -o /dev/null https://vuln.go.dev/index/db.json; then
  [ -x "$GOBIN/govulncheck" ] || go install golang.org/x/vuln/cmd/govulncheck@$vulncheck
  if "$GOBIN/govulncheck" ./cmd/restante >"$log" 2>&1; then
    say "Go modules" "none in code that is called"
  else
    cat "$log"
    failed=1
  fi
else
  say "Go modules" "MISSING: https://vuln.go.dev cannot be reached; the list is of $(sed -n 's/.*"looked": "\([^"]*\)".*/\1/p' test/advisories/advisories.json)"
fi

# ask runs npm with the arguments in a directory. npm also fails when its registry does not answer the question.
ask() {
  local what=$1 dir=$2
  shift 2
  if (cd "$dir" && timeout 60 npm "$@" --fetch-retries=0 --fetch-timeout=10000) >"$log" 2>&1; then
    say "$what" "$(grep -m1 -iE 'found|verified|audited' "$log" || echo nothing found)"
  elif grep -qE 'npm (ERR!|error) (network|code E(405|404|403|NOTFOUND|TIMEDOUT|CONNREFUSED|AI_AGAIN))|endpoint returned an error|network connectivity|ETIMEDOUT|ECONN|EAI_AGAIN|Method Not Allowed' "$log"; then
    say "$what" "MISSING: the registry that is set up here does not answer this"
  else
    cat "$log"
    failed=1
  fi
}
ask "npm, the app" client audit --omit=dev
ask "npm signatures, the app" client audit signatures

[ $failed = 0 ] || { echo "advisories: there are findings, see above" >&2; exit 1; }
