#!/usr/bin/env bash
# ctest: labels=quick timeout=120
# No path of the machine that somebody happened to write this on.
set -eu
cd -- "$SOURCE_DIR"

if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	echo 'skipped: not a git work tree'
	exit 77
fi
# Written in two pieces, or this file would be the first find.
patterns=(-e '(^|[^A-Za-z0-9._/}])/wo''rk/' -e '/tmp/bui''ld' \
	-e '(^|[^A-Za-z0-9._/}])/(home|root)/[a-z]')
literals=()
# A checkout at /src or a home at / says nothing.
case $SOURCE_DIR in
/*/*) literals+=(-e "$SOURCE_DIR/") ;;
esac
case ${HOME:-/} in
/*/*) literals+=(-e "$HOME/") ;;
esac
found=$({
	git grep -nIE "${patterns[@]}" -- .
	[ "${#literals[@]}" = 0 ] || git grep -nIF "${literals[@]}" -- .
} || true)
if [ -n "$found" ]; then
	printf '%s\n' "$found" >&2
	exit 1
fi
echo 'no path of this machine'
