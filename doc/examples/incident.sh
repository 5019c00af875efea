#!/usr/bin/env bash
# For three in the morning: no sign-in token is worth anything any more, and none is made.
# This is what `clerk-tokenctl lockdown` does, step by step in SQL, for where there is nothing
# but sqlite3. Interrupted or run again with the same NAME it goes on where it was.
#
#   incident.sh NAME REASON
#
# NAME is the batch of the revokes, a ticket for instance. Prints three lists: what was
# revoked; what was used already and by whom, for their sessions live on; what may still be
# live. Creates stay paused until somebody says `clerk-tokenctl resume --action create`.
#
# Exit status: 0 the last two lists are empty, 1 they are not, 64 wrong usage, 75 the daemon
# did not do it in time: run me again.
set -euo pipefail

state=${CLERK_TOKEND_STATE:-/var/lib/clerk-tokend}
wait_s=${INCIDENT_WAIT_S:-900}
who=${SUDO_USER:-$(id -un)}

die() {
	echo "incident.sh: $1" >&2
	exit "${2:-1}"
}

say() {
	echo "incident.sh: $1" >&2
}

# A text as SQL.
quoted() {
	local q="'"
	printf '%s' "$q${1//$q/$q$q}$q"
}

# Runs SQL on the queue with the audit beside it.
sql() {
	sqlite3 -bail -cmd '.timeout 10000' "$state/queue/queue.db" <<SQL ||
ATTACH $(quoted "file:$state/audit/audit.db?mode=ro") AS audit;
$1
SQL
		die 'the queue or the audit cannot be used; run me again'
}

# Waits until SQL counts 0, saying what for.
wait_for() {
	local left said=''
	while :; do
		left=$(sql "$2") || exit
		[ "$left" != 0 ] || return 0
		[ "$left" = "$said" ] || say "$1: $left left"
		said=$left
		[ $SECONDS -lt "$wait_s" ] ||
			die "$1: $left left; does the daemon run? clerk-tokenctl status" 75
		sleep 1
	done
}

if [ $# != 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
	die 'usage: incident.sh NAME REASON' 64
fi
[ -w "$state/queue/queue.db" ] || die "$state/queue/queue.db: missing, or you are not in its group"
name=$(quoted "$1") reason=$(quoted "$2") by=$(quoted "$who")

# Creates that are not final, taken or not.
unfinished="SELECT id FROM audit.job WHERE action = 'create' AND state IN ('queued', 'running')
 UNION SELECT q.id FROM main.job q WHERE q.action = 'create'
   AND NOT EXISTS (SELECT 1 FROM audit.job a WHERE a.id = q.id)"

# 1. No new token: creates are paused, and those that wait are cancelled.
sql "BEGIN IMMEDIATE;
INSERT INTO main.command (verb, action, requested_by, reason)
SELECT 'pause', 'create', $by, $reason
 WHERE NOT EXISTS (SELECT 1 FROM audit.pause
                    WHERE batch IS NULL AND until IS NULL AND coalesce(action, 'create') = 'create');
INSERT INTO main.command (verb, action, requested_by, reason)
VALUES ('cancel', 'create', $by, $reason);
COMMIT;"

# 2. What was under way ends, so that its token is known.
wait_for 'creates that are not final' "SELECT count(*) FROM ($unfinished);"

# 3. Revokes do not wait for a pause, and what failed for want of an answer is tried again.
sql "BEGIN IMMEDIATE;
INSERT INTO main.command (verb, action, requested_by, reason)
SELECT DISTINCT 'resume', 'revoke', $by, $reason FROM audit.pause
 WHERE batch IS NULL AND coalesce(action, 'revoke') = 'revoke';
INSERT INTO main.command (verb, job_id, requested_by, reason)
SELECT 'retry', id, $by, $reason FROM audit.job
 WHERE batch = $name AND state IN ('failed', 'cancelled')
   AND result NOT IN ('already_used', 'not_found');
INSERT INTO main.job (action, sign_in_token_id, batch, idempotency_key, requested_by, reason)
SELECT 'revoke', t.id, $name, $name || '-' || t.id, $by, $reason FROM audit.token t
 WHERE t.life = 'may be live'
   AND NOT EXISTS (SELECT 1 FROM main.job q WHERE q.idempotency_key = $name || '-' || t.id)
   AND NOT EXISTS (SELECT 1 FROM audit.job a WHERE a.idempotency_key = $name || '-' || t.id
                   AND a.state <> 'rejected');
COMMIT;"
wait_for 'commands that are not taken' "SELECT count(*) FROM main.command q
 WHERE NOT EXISTS (SELECT 1 FROM audit.command c WHERE c.id = q.id AND c.state <> 'running');"
wait_for 'revokes that are not final' "SELECT count(*) FROM main.job q
  LEFT JOIN audit.job a ON a.id = q.id WHERE q.batch = $name AND a.finished_at IS NULL;"

# 4. What came of it.
list() {
	local rows
	rows=$(sql "$2") || exit
	echo "$1: $(grep -c . <<<"$rows" || true)"
	[ -z "$rows" ] || printf '%s\n' "$rows"
}
revoked=$(list 'revoked' "SELECT '  ' || sign_in_token_id FROM audit.job
 WHERE batch = $name AND action = 'revoke' AND state = 'succeeded'
 ORDER BY sign_in_token_id;")
used=$(list 'used already, and the session lives on' "SELECT '  ' || t.id || ' ' || t.user_id
  FROM audit.job j JOIN audit.token t ON t.id = j.sign_in_token_id
 WHERE j.batch = $name AND j.result = 'already_used' ORDER BY t.user_id, t.id;")
live=$(list 'may still be live' "SELECT '  ' || id || ' ' || coalesce(user_id, '')
  FROM audit.token WHERE life = 'may be live' ORDER BY id;")
printf '%s\n' "$revoked" "$used" "$live"
say 'creates stay paused until: clerk-tokenctl resume --action create'
case $used$live in
*': 0may'*': 0') ;;
*) exit 1 ;;
esac
