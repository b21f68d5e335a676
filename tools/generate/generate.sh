#!/usr/bin/env bash
# Lints the protobuf schema and generates its Go code.
#
#   tools/generate/generate.sh           writes the generated code
#   tools/generate/generate.sh --check   writes nothing, and fails if the committed code differs from the generated code
#
# The script builds the generators into .bin/, at the versions that the go.mod files beside it pin. It takes their
# modules from the module cache, fetches those that are missing there, and fetches nothing else.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
bin=$root/.bin

check=
case "${1-}" in
'') ;;
--check) check=yes ;;
*)
	echo "usage: tools/generate/generate.sh [--check]" >&2
	exit 2
	;;
esac

# The tools are modules outside the workspace. They run on the machine that builds them.
export GOWORK=off
unset GOOS GOARCH

# build_tool DIRECTORY MODULE builds the tool that the go.mod in DIRECTORY pins, unless .bin/ has that version of it.
build_tool() {
	local directory=$1 module=$2 name wanted built
	name=$(basename "$module")
	case "$module" in
	*/cmd/*) module=${module%%/cmd/*} ;;
	esac

	wanted=$(go -C "$directory" list -m -f '{{.Version}}' "$module")
	built=$(go version -m "$bin/$name" 2>/dev/null | awk '$1 == "mod" { print $3 }' || true)
	if [ "$built" = "$wanted" ]; then
		return
	fi

	echo "building $name $wanted"
	mkdir -p "$bin"
	go -C "$directory" build -o "$bin/$name" tool
}

build_tool tools/generate github.com/bufbuild/buf/cmd/buf
build_tool tools/generate/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go

export PATH="$bin:$PATH"

buf lint

if [ -z "$check" ]; then
	buf generate
	exit
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf generate --output "$fresh"

# Only generated files are compared. A committed file that is no longer generated counts as a difference.
committed=$(find syncmod -name '*.pb.go' | sort)
generated=$(cd "$fresh" && find . -name '*.pb.go' | sed 's|^\./||' | sort)
stale=
if [ "$committed" != "$generated" ]; then
	diff <(echo "$committed") <(echo "$generated") >&2 || true
	stale=yes
fi
for file in $generated; do
	if [ -f "$file" ] && ! diff -u "$file" "$fresh/$file" >&2; then
		stale=yes
	fi
done

if [ -n "$stale" ]; then
	echo "the generated code does not match the schema: run tools/generate/generate.sh and commit what it changes" >&2
	exit 1
fi
