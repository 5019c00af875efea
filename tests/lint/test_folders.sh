#!/usr/bin/env bash
# ctest: labels=quick timeout=120
# sysusers.d and tmpfiles.d make the users, groups and folders that the contract names.
set -eu
cd -- "$SOURCE_DIR"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for tool in systemd-sysusers systemd-tmpfiles; do
	if ! command -v "$tool" >/dev/null; then
		echo "skipped: $tool is not installed (scripts/setup --all)"
		exit 77
	fi
done
if [ "$(id -u)" != 0 ]; then
	echo 'skipped: needs root, to give folders to groups'
	exit 77
fi

number_of() { # GROUP
	sed -n "s/^$1:x:\([0-9]*\):.*/\1/p" "$scratch/etc/group"
}

is() { # FOLDER MODE GROUP
	local found want
	found=$(stat -c '%a %g' "$scratch/var/lib/clerk-tokend$1")
	want="$2 $(number_of "$3")"
	if [ "$found" != "$want" ]; then
		echo "/var/lib/clerk-tokend$1 is $found, not $want ($3)" >&2
		exit 1
	fi
}

mkdir "$scratch/etc"
echo 'root:x:0:0::/root:/bin/sh' >"$scratch/etc/passwd"
echo 'root:x:0:' >"$scratch/etc/group"
systemd-sysusers --root="$scratch" "$PWD/systemd/clerk-tokend.sysusers" >/dev/null 2>&1
systemd-tmpfiles --root="$scratch" --create "$PWD/systemd/clerk-tokend.tmpfiles"
is '' 755 clerk-tokend
is /queue 2770 clerk-submit
is /audit 2750 clerk-audit
is /tokens 2750 clerk-submit
members() { # GROUP USERS
	grep -q "^$1:x:[0-9]*:$2$" "$scratch/etc/group" || {
		echo "the members of $1 are not $2" >&2
		exit 1
	}
}

# The daemon is in both; those who look each day at what happened, among the auditors.
members clerk-submit clerk-tokend
members clerk-audit clerk-anchor,clerk-report,clerk-tokend
echo 'the folders have their groups and modes'
