#!/usr/bin/env bash
# ctest: labels=slow timeout=300 serial
# The .deb: lintian finds no error and no warning, and what is in it is what cmake --install
# puts there, as Debian wants it. tests/e2e/test_systemd installs it.
set -eu

for program in lintian dpkg-deb dpkg-shlibdeps; do
	if ! command -v "$program" >/dev/null; then
		echo "skipped: $program is not installed (scripts/setup --all)"
		exit 77
	fi
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
	printf '%s\n' "$*" >&2
	failures=$((failures + 1))
}

deb=$("$SOURCE_DIR/tests/systemd/package" "$BUILD_DIR/lab-build" 0.1.0)
# Errors and warnings: none, by no override.
status=0
lintian --no-cfg --tag-display-limit 0 "$deb" >"$scratch/lintian" 2>"$scratch/stderr" || status=$?
[ "$status" = 0 ] || [ "$status" = 2 ] || fail "lintian failed: $(cat "$scratch/stderr")"
[ ! -s "$scratch/lintian" ] || fail "lintian: $(cat "$scratch/lintian")"

field() { dpkg-deb --field "$deb" "$1"; }
for package in ca-certificates procps systemd libcurl4 libsqlite3-0 libsystemd0 libsodium23 libnettle8; do
	[[ ", $(field Depends)" == *", $package"[\ ,]* ]] || fail "Depends lacks $package: $(field Depends)"
done
[ "$(field Recommends)" = 'sqlite3 (>= 3.37)' ] || fail "Recommends: $(field Recommends)"

dpkg-deb --raw-extract "$deb" "$scratch/tree"
cd "$scratch/tree"
[ "$(cat DEBIAN/conffiles)" = "/etc/clerk-tokend/clerk-tokend.conf
/etc/clerk-tokend/sqliterc" ] || fail "conffiles: $(cat DEBIAN/conffiles)"
DESTDIR=$scratch/installed cmake --install "$BUILD_DIR/lab-build" >/dev/null
# Manual pages are compressed, the licence is in the file copyright.
diff <(cd "$scratch/installed" && find . -type f | sed -E -e '/doc\/clerk-tokend\/LICENSE$/d' \
	-e 's|^(\./usr/share/man/.*)|\1.gz|' -e '$a./usr/share/doc/clerk-tokend/copyright' \
	-e '$a./usr/share/doc/clerk-tokend/changelog.gz' | sort) \
	<(find . -path ./DEBIAN -prune -o -type f -print | sort) || fail 'not what is installed'
[ -z "$(find . -perm /6000)" ] || fail "setuid: $(find . -perm /6000)"
# Nothing is turned on, and no data is there that a purge would take away.
for folder in etc/systemd var usr/lib/systemd/system/multi-user.target.wants; do
	[ ! -e "$folder" ] || fail "the package holds $folder"
done
cmp -s etc/clerk-tokend/clerk-tokend.conf "$SOURCE_DIR/etc/clerk-tokend.conf" ||
	fail 'the configuration is not the example'

[ "$failures" = 0 ] || exit 1
echo 'lintian finds nothing'
