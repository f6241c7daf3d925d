#!/usr/bin/env bash
# Builds a release of the tag at this commit into dist, or with --snapshot of the current tree, and checks it. It publishes
# nothing. The tools are built once and kept in .cache, as the linter is.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOBIN=$PWD/.cache/bin PATH=$PWD/.cache/bin:$PATH
export LICENCE_TEXTS=.cache/licenses.txt SYFT_CHECK_FOR_APP_UPDATE=false

# tool installs a Go program unless this version of it is installed.
tool() {
  local name=$1 package=$2 version=$3
  go version -m "$GOBIN/$name" 2>/dev/null | awk '$1 == "mod" { print $3 }' | grep -qxF "$version" && return
  echo "building $name $version, some minutes the first time"
  go install "$package@$version"
}
# goreleaser 2.17 and newer want a module that the Go proxy does not have, or a newer Go.
tool goreleaser github.com/goreleaser/goreleaser/v2 v2.16.0
tool syft github.com/anchore/syft/cmd/syft v1.57.1

command -v unzip >/dev/null || scripts/deps.sh release

if [ "${1:-}" != --snapshot ]; then
  looked=$(sed -n 's/.*"looked": "\([^"]*\)".*/\1/p' test/advisories/advisories.json)
  [ "$(date -d "$looked + 30 days" +%s)" -ge "$(date +%s)" ] || {
    echo "test/advisories/advisories.json is of $looked: bring it up to date before a release" >&2
    exit 1
  }
fi

begun=$SECONDS
goreleaser release --clean "$@"

fail() {
  echo "the release is not complete: $*" >&2
  exit 1
}
cd dist
sha256sum --check --quiet --strict checksums.txt || fail "checksums.txt does not fit"
for system in linux darwin windows; do
  for machine in amd64 arm64; do
    archive=$(ls restante_*_"${system}_$machine".{tar.gz,zip} 2>/dev/null) || [ -n "$archive" ] || fail "no archive for $system on $machine"
    program=restante
    [ "$system" != windows ] || program=restante.exe
    if [ "$system" = windows ]; then names=$(unzip -Z1 "$archive"); else names=$(tar -tzf "$archive"); fi
    for file in LICENSE NOTICE README.md CHANGELOG.md docs/licenses.md licenses.txt "$program"; do
      grep -q "^[^/]*/$file\$" <<<"$names" || fail "$archive has no $file"
    done
    grep -q '"modernc.org/sqlite"' "$archive.sbom.json" || fail "$archive.sbom.json does not name what is linked"
    grep -qF "  $archive" checksums.txt || fail "checksums.txt does not name $archive"
  done
done
for package in restante_*_{amd64,arm64}.deb restante-*.{x86_64,aarch64}.rpm; do
  [ -s "$package" ] || fail "no $package"
done
tar -xzOf restante_*_linux_"$(go env GOARCH)".tar.gz --wildcards '*/restante' >restante
chmod +x restante
./restante version
if ldd restante >/dev/null 2>&1; then fail "the binary is not static"; fi
if [ -d ../.git ]; then # in a worktree the toolchain does not see a commit
  ./restante version | grep -qF "commit $(git rev-parse HEAD)" || fail "the binary does not name its commit"
fi
rm restante
echo "dist has the release, after $((SECONDS - begun)) s"
