#!/usr/bin/env bash
# Runs the demo commands in the docs, and writes their output into the docs.
#
#   tools/docs/demo.sh FILE...   updates, in each FILE, every console block that begins with "$ make demo": it runs
#                                the command in the first line of the block, and replaces the rest of the block by
#                                the command's output
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
	cat "$made" >"$file" # unlike mv, this keeps the mode of the file
	rm "$made"
done
