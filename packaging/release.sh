#!/usr/bin/env bash
# Builds the binaries of a release: static ones, from the commit that is checked out, with their checksums.
#
#   packaging/release.sh DIRECTORY                 for every platform
#   packaging/release.sh DIRECTORY OS/ARCH...      for these only
#   packaging/release.sh --check OS/ARCH           builds one twice, in two places, and compares
#
# The same commit and the same version of Go give the same bytes on every machine. The script builds a clone of the
# commit, so that no other files get in, and it sets every setting that Go would read from the machine.
set -euo pipefail

platforms=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

usage() {
  sed -n 's/^#   \(packaging\)/\1/p' packaging/release.sh >&2
  exit 2
}

source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT

# clone NAME makes a clone of the commit that is checked out.
clone() {
  git clone --quiet --no-local "$root" "$source/$1"
}

# build CLONE OS/ARCH FILE builds one binary.
build() {
  local os=${2%/*} arch=${2#*/}
  (
    cd "$source/$1/examples/fxapp"
    # The workspace is off, so fxapp's own go.mod names every version. Cgo is off, so the machine's libraries are not
    # linked in.
    unset GOEXPERIMENT GOFIPS140
    GOWORK=off GOFLAGS='-mod=readonly -trimpath -buildvcs=true' CGO_ENABLED=0 \
      GOOS=$os GOARCH=$arch GOAMD64=v1 GOARM64=v8.0 go build -ldflags='-s -w' -o "$3" .
  )
}

# release DIRECTORY OS/ARCH... builds for these platforms, and writes the checksums of the binaries.
release() {
  local directory=$1 platform name names=()
  shift
  mkdir -p "$directory"
  directory=$(cd "$directory" && pwd)
  clone release
  for platform in "$@"; do
    name=fxapp-${platform/\//-}
    [ "${platform%/*}" != windows ] || name=$name.exe
    echo "building $name"
    build release "$platform" "$directory/$name"
    names+=("$name")
  done
  (cd "$directory" && sums "${names[@]}" >SHA256SUMS && cat SHA256SUMS)
}

# sums FILE... prints what sha256sum prints. macOS has another name for the command.
sums() {
  if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# check OS/ARCH builds one platform twice. The second build is in another place and has an empty build cache. Both use
# the same module cache.
check() {
  local platform=$1 first second
  clone first
  clone elsewhere/second
  build first "$platform" "$source/one"
  GOCACHE=$source/cache build elsewhere/second "$platform" "$source/two"
  first=$(sums <"$source/one")
  second=$(sums <"$source/two")
  if [ "$first" != "$second" ]; then
    echo "two builds for $platform differ: ${first%% *} and ${second%% *}" >&2
    exit 1
  fi
  echo "two builds for $platform, in two places, are the same, with checksum ${first%% *}:"
  go version -m "$source/one" | grep -E '^\s(mod|build\svcs)'
}

case "${1-}" in
'' | -h | --help) usage ;;
--check)
  [ $# -eq 2 ] || usage
  check "$2"
  ;;
-*) usage ;;
*)
  directory=$1
  shift
  [ $# -gt 0 ] || set -- "${platforms[@]}"
  release "$directory" "$@"
  ;;
esac
