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

# All units as they are installed, but for the programs: those that were built.
copy_units() {
	local unit
	for unit in "$BUILD_DIR"/systemd/*; do
		sed -E -e "s|/[a-z/]+/sbin/clerk-tokend|$BUILD_DIR/src/clerk-tokend|" \
			-e "s|/[a-z/]+/bin/clerk-tokenctl|$BUILD_DIR/src/clerk-tokenctl|" \
			"$unit" >"$scratch/units/${unit##*/}"
	done
}

verify() { # UNIT
	local said
	# It exits 0 for an unknown key: what counts is whether it says anything.
	said=$(SYSTEMD_UNIT_PATH=$scratch/units: systemd-analyze verify --man=no \
		"$scratch/units/${1/@./@one.}" 2>&1) || true
	[ -z "$said" ] || fail "systemd-analyze verify $1: $said"
}

rate() { # UNIT
	systemd-analyze security --offline=yes --threshold=15 "$scratch/units/$1" >"$scratch/rating" ||
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
mkdir "$scratch/units"
copy_units
n=0
for unit in "$scratch/units"/*; do
	unit=${unit##*/}
	verify "$unit"
	[[ $unit == *.timer ]] || rate "$unit"
	n=$((n + 1))
done
[ "$n" = 14 ] || fail "$n units instead of 14"
