#!/usr/bin/env bash
# ctest: labels=slow timeout=900 serial
# The package under a real systemd: installed, given a key, used by three users, reloaded,
# stopped under load, killed, a second instance, the daily units, upgraded, purged. The lab
# takes a while to be built the first time.
set -eu

lab=$SOURCE_DIR/tests/systemd/lab.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip 'needs root'
for program in mmdebstrap systemd-nspawn dpkg-shlibdeps; do
	command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup --all)"
done

# As it is given away: the sanitizers of the build that ctest runs do not fit into the sandbox.
mkdir -p "$scratch/tree/opt" "$scratch/tree/usr/bin"
for version in 0.1.0 0.1.1; do
	cp "$("$SOURCE_DIR/tests/systemd/package" "$BUILD_DIR/lab-build" "$version")" \
		"$scratch/tree/opt/clerk-tokend-$version.deb"
done
install "$BUILD_DIR/lab-build/tests/fake_clerk/fake_clerk" "$scratch/tree/usr/bin/"

"$lab" build "$BUILD_DIR/lab-root" || skip 'no Debian could be built here (mmdebstrap)'
status=0
"$lab" run "$BUILD_DIR/lab-root" "$scratch/tree" "$SOURCE_DIR/tests/systemd/inside" \
	"$scratch/log" || status=$?
[ "$status" != 70 ] || skip 'no container boots here'
cat "$scratch/log"
exit "$status"
