#!/usr/bin/env bash
# ctest: labels=slow timeout=900
# clang-tidy (.clang-tidy says what) and cppcheck find nothing.
set -eu
cd -- "$SOURCE_DIR"

for tool in clang-tidy cppcheck; do
	if ! command -v "$tool" >/dev/null; then
		echo "skipped: $tool is not installed (scripts/setup --all)"
		exit 77
	fi
done

cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,portability,performance \
	--error-exitcode=1 --inline-suppr -I src -D_GNU_SOURCE '-DPROJECT_VERSION="0"' \
	src tests/fake_clerk

# The build may be of gcc, whose warnings clang does not all know.
# One file a call: after the first one its analyzer takes every va_list for uninitialized.
find src tests/fake_clerk -name '*.c' -print0 |
	xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$BUILD_DIR" \
		--extra-arg=-Wno-unknown-warning-option 2>/dev/null
echo 'clang-tidy and cppcheck find nothing'
