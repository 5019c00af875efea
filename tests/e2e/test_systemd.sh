#!/usr/bin/env bash
# ctest: labels=slow timeout=900 serial
# The installed service under a real systemd: notify, credential, sandbox, groups, reload,
# watchdog, a second instance. The lab takes a while to be built the first time.
set -eu

lab=$SOURCE_DIR/tests/systemd/lab.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip 'needs root'
for program in mmdebstrap systemd-nspawn; do
	command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup --all)"
done

# As it is installed: the sanitizers of the build that ctest runs do not fit into the sandbox.
cmake -S "$SOURCE_DIR" --preset release -B "$BUILD_DIR/lab-build" >/dev/null
cmake --build "$BUILD_DIR/lab-build" --target clerk-tokend clerk-tokenctl fake_clerk >/dev/null
DESTDIR=$scratch/tree cmake --install "$BUILD_DIR/lab-build" >/dev/null
install "$BUILD_DIR/lab-build/tests/fake_clerk/fake_clerk" "$scratch/tree/usr/bin/"

"$lab" build "$BUILD_DIR/lab-root" || skip 'no Debian could be built here (mmdebstrap)'
status=0
"$lab" run "$BUILD_DIR/lab-root" "$scratch/tree" "$SOURCE_DIR/tests/systemd/inside" \
	"$scratch/log" || status=$?
[ "$status" != 70 ] || skip 'no container boots here'
cat "$scratch/log"
exit "$status"
