#!/usr/bin/env bash
# ctest: labels=quick timeout=120
# clang-format would change nothing. Another version than 14 formats differently.
set -eu
cd -- "$SOURCE_DIR"

tool=''
for name in clang-format-14 clang-format; do
	if command -v "$name" >/dev/null && "$name" --version | grep -q 'version 14\.'; then
		tool=$name
		break
	fi
done
if [ -z "$tool" ]; then
	echo 'skipped: clang-format 14 is not installed (scripts/setup --all)'
	exit 77
fi
find src tests -name '*.[ch]' -print0 | xargs -0 "$tool" --dry-run --Werror
echo 'clang-format would change nothing'
