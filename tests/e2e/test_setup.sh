#!/usr/bin/env bash
# ctest: labels=quick timeout=120
# clerk-tokenctl setup: users, groups, folders and configuration, made on a copy of /etc and
# /var that is there for this test alone; with systemd's programs, and without them.
set -eu

skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

ctl=$BUILD_DIR/src/clerk-tokenctl
if [ "${1:-}" != inside ]; then
	"$ctl" setup --help >/dev/null
	[ "$(id -u)" = 0 ] || skip 'needs root, to make users'
	command -v systemd-sysusers systemd-tmpfiles >/dev/null ||
		skip 'systemd is not installed (scripts/setup --all)'
	unshare --mount true 2>/dev/null || skip 'no mount namespaces here'
	scratch=$(mktemp -d)
	trap 'rmdir "$scratch"' EXIT
	for way in systemd by-hand; do
		unshare --mount -- "$0" inside "$way" "$scratch"
	done
	exit 0
fi

# --- in the namespace; what is made below here is gone at its end
way=$2
mount -t tmpfs none "$3"
for folder in etc var; do
	mkdir "$3/$folder.upper" "$3/$folder.work"
	mount -t overlay overlay \
		-o "lowerdir=/$folder,upperdir=$3/$folder.upper,workdir=$3/$folder.work" "/$folder" ||
		skip 'no overlay can be mounted here'
done
if [ "$way" = by-hand ]; then
	mount --bind /dev/null /usr/bin/systemd-sysusers
	mount --bind /dev/null /usr/bin/systemd-tmpfiles
fi
# Were the machine set up already, there would be nothing to see.
rm -rf /etc/clerk-tokend /etc/tmpfiles.d/clerk-tokend* /var/lib/clerk-tokend* /var/backups/clerk-tokend*
for user in clerk-tokend clerk-report clerk-anchor; do
	userdel "$user" 2>/dev/null || true
done
for group in clerk-submit clerk-audit; do
	groupdel "$group" 2>/dev/null || true
done

tests=0 failures=0
is() { # WHAT GOT WANTED
	tests=$((tests + 1))
	if [ "$2" != "$3" ]; then
		failures=$((failures + 1))
		printf 'not ok %d - %s (%s): %s instead of %s\n' "$tests" "$1" "$way" "$2" "$3"
	fi
}

run() { # ARGUMENTS…: what it printed on both, and its exit status
	said=$("$ctl" setup "$@" 2>&1) && status=0 || status=$?
}

as_nobody() {
	said=$(setpriv --reuid=65534 --regid=65534 --clear-groups "$ctl" setup "$@" 2>&1) && status=0 || status=$?
}

count() { grep -c -- "$1" <<<"$said" || true; }
mode_of() { stat -c '%a %U:%G' "$1"; }

as_nobody -i eu
is 'not for everybody' "$status $said" "77 clerk-tokenctl: setup makes users, groups and folders, so it \
needs root: sudo clerk-tokenctl setup -i eu"
run -i ../eu
is 'a name that leaves the folder' "$status $(count 'is no name of an instance')" '64 1'
run -i clerk-tokend
is 'a name that is taken' "$status $(count 'is the configuration without -i')" '64 1'
run -c /etc/clerk-tokend/eu.conf
is 'a file' "$status $(count 'takes no -c')" '64 1'

mkdir -p /etc/sysusers.d /etc/tmpfiles.d
cp "$SOURCE_DIR/systemd/clerk-tokend.sysusers" /etc/sysusers.d/clerk-tokend.conf
cp "$SOURCE_DIR/systemd/clerk-tokend.tmpfiles" /etc/tmpfiles.d/clerk-tokend.conf
run
is 'the main instance' "$status" 0
is 'made' "$(count ': made$')" 16
is 'there was' "$(count ': was there$')" 0
is 'the groups of the daemon' "$(id -nG clerk-tokend | tr ' ' '\n' | sort | tr '\n' ' ')" \
	'clerk-audit clerk-submit clerk-tokend '
is 'the groups of the anchor' "$(id -nG clerk-anchor)" 'clerk-anchor clerk-audit'
is 'the groups of the report' "$(id -nG clerk-report)" 'clerk-report clerk-audit'
is 'nobody logs in' "$(getent passwd clerk-anchor | cut -d: -f6,7)" '/var/lib/clerk-anchor:/usr/sbin/nologin'
folders() { # STATE BACKUPS
	is "$1" "$(mode_of "$1")" '755 clerk-tokend:clerk-tokend'
	is "$1/queue" "$(mode_of "$1/queue")" '2770 clerk-tokend:clerk-submit'
	is "$1/audit" "$(mode_of "$1/audit")" '2750 clerk-tokend:clerk-audit'
	is "$1/tokens" "$(mode_of "$1/tokens")" '2750 clerk-tokend:clerk-submit'
	is "$2" "$(mode_of "$2")" '700 clerk-tokend:clerk-tokend'
}
folders /var/lib/clerk-tokend /var/backups/clerk-tokend
is 'its configuration' "$(cmp /etc/clerk-tokend/clerk-tokend.conf "$SOURCE_DIR/etc/clerk-tokend.conf" 2>&1)" ''
is 'what is left to do' "$(sed -n '/^to be done/,$p' <<<"$said")" "to be done by you:
  put Clerk's secret key into /etc/clerk-tokend/clerk_secret_key:
    install -m 600 /dev/stdin /etc/clerk-tokend/clerk_secret_key    # paste it, Enter, Ctrl-D
  look through /etc/clerk-tokend/clerk-tokend.conf: every key is explained there
  start it:
    systemctl enable --now clerk-tokend
  let people in, who log in again then:
    adduser PERSON clerk-audit     # auditors: what happened
    adduser PERSON clerk-submit    # submitters: in both groups
  if you like, each day a report, a backup, an anchor of the audit:
    systemctl enable --now clerk-tokend-report.timer clerk-tokend-backup.timer clerk-tokend-anchor.timer"
run
is 'a second time' "$status" 0
is 'all was there' "$(count ': was there$') $(count ': made$')" '16 0'

run -i eu
is 'an instance' "$status $(count ': made$')" '0 7'
folders /var/lib/clerk-tokend-eu /var/backups/clerk-tokend-eu
is 'its folder in its configuration' "$(diff /etc/clerk-tokend/clerk-tokend.conf /etc/clerk-tokend/eu.conf | grep '^>')" \
	'> state_directory = "/var/lib/clerk-tokend-eu";'
is 'for everybody to read' "$(mode_of /etc/clerk-tokend/eu.conf)" '644 root:root'
is 'its timers' "$(count 'clerk-tokend-report@eu.timer')" 1
is 'its folders at the next start' "$(grep -c '^d ' /etc/tmpfiles.d/clerk-tokend-eu.conf)" 5
is 'nothing half-written' "$(find /etc -name '*.setup')" ''

# What an administrator changed stays, what is wrong is put right, and both are said.
echo 'state_directory = "/srv/eu";' >/etc/clerk-tokend/eu.conf
chmod 0777 /var/lib/clerk-tokend-eu/queue
chown root:root /var/lib/clerk-tokend-eu/audit
echo sk_test_x >/etc/clerk-tokend/eu.clerk_secret_key
CLERK_TOKEND_INSTANCE=eu run
is 'an instance by the environment' "$status $(count '^file /etc/clerk-tokend/eu.conf: was there$')" '0 1'
is 'its configuration is kept' "$(cat /etc/clerk-tokend/eu.conf)" 'state_directory = "/srv/eu";'
is 'which does not fit' "$(count 'state_directory is "/srv/eu", but the folders are in /var/lib/clerk-tokend-eu')" 1
is 'a wrong mode' "$(count 'queue (2770 clerk-tokend:clerk-submit): put right, was [02]*777 clerk-tokend:clerk-submit$')" 1
is 'a wrong group' "$(count 'audit (2750 clerk-tokend:clerk-audit): put right, was [02]*750 root:root$')" 1
folders /var/lib/clerk-tokend-eu /var/backups/clerk-tokend-eu
is 'the key is there' "$(count "put Clerk's secret key")" 0

# In the way.
rm -rf /var/lib/clerk-tokend-eu/tokens
touch /var/lib/clerk-tokend-eu/tokens
run -i eu
is 'a file in the way' "$status $(($(count 'could not be made$') + $(count 'is no folder; move it away$')))" '1 1'

rm -rf /etc/sysusers.d/clerk-tokend.conf /etc/tmpfiles.d/clerk-tokend.conf
if [ ! -e /usr/lib/sysusers.d/clerk-tokend.conf ]; then
	run
	is 'not installed' "$status $(count '/usr/lib/sysusers.d/clerk-tokend.conf is not there')" '1 1'
fi
printf '%s: %d of %d\n' "$way" "$((tests - failures))" "$tests"
[ "$failures" = 0 ]
