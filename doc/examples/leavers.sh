#!/usr/bin/env bash
# Every night: no sign-in token of somebody who left is worth anything. Creates of theirs that
# wait are cancelled, those that run are waited for, and every token that may be live is
# revoked. Run again the same night it submits nothing twice; what did not work is tried anew
# the next night.
#
#   leavers.sh FILE
#
# FILE has a user id a line; blank lines and what is behind a # are skipped. A token that was
# used is no help here: end the session at Clerk, and ban the user.
#
# Exit status: 0 nothing of theirs may be live; 1 something may be, or a session lives on: what
# and whose is printed; 64 wrong usage or a bad line; 75 the daemon did not do it in time.
set -euo pipefail

state=${CLERK_TOKEND_STATE:-/var/lib/clerk-tokend}
wait_s=${LEAVERS_WAIT_S:-120}

die() {
	echo "leavers.sh: $1" >&2
	exit "${2:-1}"
}

# A text as SQL.
quoted() {
	local q="'"
	printf '%s' "$q${1//$q/$q$q}$q"
}

[ $# = 1 ] || die 'usage: leavers.sh FILE' 64
[ -r "$1" ] || die "$1: there is no such file, or it is not for you" 64
[ -w "$state/queue/queue.db" ] || die "$state/queue/queue.db: missing, or you are not in its group"
users=$(awk '
	{ sub(/#.*/, ""); gsub(/[ \t\r]/, "") }
	$0 == "" { next }
	/[^A-Za-z0-9_]/ || length > 128 {
		printf "leavers.sh: line %d: no user id: %s\n", NR, $0 > "/dev/stderr"; bad = 1
	}
	{ print }
	END { exit bad }' "$1") || die 'nothing was submitted' 64
[ -n "$users" ] || exit 0
night=leavers-$(date -u +%F)-

# Runs SQL on the queue with the audit beside it and the list as temp.leaver.
sql() {
	sqlite3 -bail -cmd '.timeout 10000' "$state/queue/queue.db" 3<<<"$users" <<SQL ||
ATTACH $(quoted "file:$state/audit/audit.db?mode=ro") AS audit;
CREATE TEMP TABLE leaver (user_id TEXT);
.import --csv --schema temp /dev/fd/3 leaver
$1
SQL
		die 'the queue or the audit cannot be used; run me again'
}

# Waits until SQL counts 0; 1 when the time is over.
wait_for() {
	local left
	while :; do
		left=$(sql "$1") || exit
		[ "$left" != 0 ] || return 0
		[ $SECONDS -lt "$wait_s" ] || return 1
		sleep 1
	done
}

# Creates of theirs that are not final, taken or not.
unfinished="SELECT id FROM audit.job WHERE action = 'create' AND state IN ('queued', 'running')
   AND user_id IN (SELECT user_id FROM temp.leaver)
 UNION SELECT q.id FROM main.job q WHERE q.action = 'create'
   AND q.user_id IN (SELECT user_id FROM temp.leaver)
   AND NOT EXISTS (SELECT 1 FROM audit.job a WHERE a.id = q.id)"

sql "INSERT INTO main.command (verb, job_id, requested_by, reason)
     SELECT 'cancel', id, 'leavers.sh', 'left' FROM ($unfinished);"
late=
wait_for "SELECT count(*) FROM ($unfinished);" || late=1

sql "INSERT INTO main.job (action, sign_in_token_id, idempotency_key, requested_by, reason)
     SELECT DISTINCT 'revoke', t.id, '$night' || t.id, 'leavers.sh', 'left'
       FROM audit.job j JOIN audit.token t ON t.id = j.sign_in_token_id
      WHERE j.action = 'create' AND j.user_id IN (SELECT user_id FROM temp.leaver)
        AND t.life = 'may be live'
        AND NOT EXISTS (SELECT 1 FROM main.job q WHERE q.idempotency_key = '$night' || t.id);"
wait_for "SELECT count(*) FROM main.job q LEFT JOIN audit.job a ON a.id = q.id
           WHERE q.idempotency_key GLOB '$night*' AND a.finished_at IS NULL;" || late=1

report=$(sql "SELECT DISTINCT j.user_id || ' ' || t.id || ' '
            || CASE t.life WHEN 'used' THEN 'was used: end its session' ELSE t.life END
       FROM audit.job j JOIN audit.token t ON t.id = j.sign_in_token_id
       LEFT JOIN main.job q ON q.idempotency_key = '$night' || t.id
      WHERE j.action = 'create' AND j.user_id IN (SELECT user_id FROM temp.leaver)
        AND (t.life = 'may be live' OR (t.life = 'used' AND q.id IS NOT NULL))
      ORDER BY 1;
      SELECT user_id || ' job ' || id || ' is not final' FROM main.job
       WHERE id IN ($unfinished) ORDER BY id;")
[ -z "$report" ] || printf '%s\n' "$report"
[ -z "$late" ] || die 'not done in time; does the daemon run? clerk-tokenctl status' 75
[ -z "$report" ]
