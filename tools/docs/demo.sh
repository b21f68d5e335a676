#!/usr/bin/env bash
# Runs the demo commands that the docs show, and writes what they print into the docs.
#
#   tools/docs/demo.sh FILE...   in each FILE, every console block that begins with "$ make demo" is made anew: the
#                                rest of its first line is run as a shell would, and its output takes the place of the
#                                block's
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export NO_COLOR=1 COLUMNS=90
export MAKEFLAGS=--no-print-directory

[ $# -gt 0 ] || {
	echo "usage: tools/docs/demo.sh FILE..." >&2
	exit 2
}

for file; do
	made=$(mktemp)
	within=
	while IFS= read -r line || [ -n "$line" ]; do
		if [ "$line" = '```' ]; then within=; fi
		[ "$within" = made ] || printf '%s\n' "$line"
		case "$within$line" in
		'```console') within=first ;;
		'first$ make demo' | 'first$ make demo '*)
			within=made
			bash -o pipefail -c "${line#\$ }" </dev/null
			;;
		*) [ "$within" = made ] || within= ;;
		esac
	done <"$file" >"$made"
	cat "$made" >"$file" # which keeps its mode
	rm "$made"
done
