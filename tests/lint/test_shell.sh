#!/usr/bin/env bash
# ctest: labels=quick timeout=120
# Every shell script passes shellcheck and has its run bit.
set -eu
cd -- "$SOURCE_DIR"

if ! command -v shellcheck >/dev/null; then
	echo 'skipped: shellcheck is not installed (scripts/setup --all)'
	exit 77
fi
scripts=()
while IFS= read -r -d '' file; do
	case $(head -n 1 "$file" | tr -d '\0') in
	'#!'*sh) scripts+=("$file") ;;
	esac
done < <(find scripts .ci tests etc doc cmake -type f -size -200k -print0)
shellcheck --external-sources "${scripts[@]}"
for script in "${scripts[@]}"; do
	if [ ! -x "$script" ]; then
		echo "$script has no run bit" >&2
		exit 1
	fi
done
echo "${#scripts[@]} scripts are clean"
