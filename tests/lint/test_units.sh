#!/usr/bin/env bash
# ctest: labels=quick timeout=120
# systemd has nothing to say about the units, and rates their exposure 1.5 or lower.
set -eu
cd -- "$SOURCE_DIR"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# The two units may differ in the instance's names alone.
same_choices() {
	sed -e '/^#/d' -e 's/ (%i)$//' -e 's| -c /etc/clerk-tokend/%i\.conf||' \
		-e 's/%i\.clerk_secret_key/clerk_secret_key/' -e 's/clerk-tokend-%i/clerk-tokend/' \
		systemd/clerk-tokend@.service >"$scratch/template"
	sed -e '/^#/d' systemd/clerk-tokend.service | diff - "$scratch/template" ||
		fail 'clerk-tokend.service and clerk-tokend@.service differ'
}

verify() { # UNIT, the programs as they were built
	local unit=$1 copy=$scratch/$1 said
	sed "s|/usr/sbin/clerk-tokend|$BUILD_DIR/src/clerk-tokend|" "systemd/$unit" >"$copy"
	# It exits 0 for an unknown key: what counts is whether it says anything.
	said=$(systemd-analyze verify --man=no "${copy/@./@one.}" 2>&1) || true
	[ -z "$said" ] || fail "systemd-analyze verify $unit: $said"
}

rate() { # UNIT
	systemd-analyze security --offline=yes --threshold=15 "$scratch/$1" >"$scratch/rating" ||
		{
			cat "$scratch/rating"
			fail "$1 is rated above 1.5"
		}
	tail -n 1 "$scratch/rating"
}

same_choices
if ! command -v systemd-analyze >/dev/null; then
	echo 'skipped: systemd-analyze is not installed (scripts/setup --all)'
	exit 77
fi
for unit in clerk-tokend.service clerk-tokend@.service; do
	verify "$unit"
	rate "$unit"
done
