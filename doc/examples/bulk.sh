#!/usr/bin/env bash
# Asks for a sign-in token for each row of a CSV file: all rows or none. Run again, it
# submits what is new and nothing twice.
#
#   bulk.sh BATCH FILE [REASON]
#
# FILE begins with the line "user_id,reference"; reference is your own mark, a ticket or the
# id of an e-mail, and may be empty. `clerk-tokenctl create --from` does this and more; here
# is what it takes with sqlite3 alone.
#
# Exit status: 0 submitted, 1 nothing was submitted and why, 64 wrong usage.
set -euo pipefail

state=${CLERK_TOKEND_STATE:-/var/lib/clerk-tokend}

die() {
	echo "bulk.sh: $1" >&2
	exit "${2:-1}"
}

# A text as SQL.
quoted() {
	local q="'"
	printf '%s' "$q${1//$q/$q$q}$q"
}

[ $# = 2 ] || [ $# = 3 ] || die 'usage: bulk.sh BATCH FILE [REASON]' 64
batch=$1 file=$2 reason=${3-}
[ -r "$file" ] || die "$file: there is no such file, or it is not for you"
[ -w "$state/queue/queue.db" ] || die "$state/queue/queue.db: missing, or you are not in its group"
read -r header <"$file" || true
[ "${header%$'\r'}" = user_id,reference ] || die "$file: its first line must be user_id,reference"

# The rows are looked at before the queue is touched, so that every bad one is named.
bad=$(
	sqlite3 -bail :memory: 3<"$file" 2>&1 <<'SQL'
CREATE TABLE list (user_id TEXT, reference TEXT);
.import --csv --skip 1 /dev/fd/3 list
SELECT 'line ' || (rowid + 1) || ': no user id: ' || quote(user_id) FROM list
 WHERE user_id IS NULL OR user_id GLOB '*[^A-Za-z0-9_]*' OR length(user_id) NOT BETWEEN 1 AND 128;
SQL
) || true
[ -z "$bad" ] || die "$file: nothing was submitted:
${bad//\/dev\/fd\/3:/line }"

# The key makes each user of the batch one job for ever. What the queue or the audit knows is
# left out: a conflict would use up an id, and the queue forgets after retention.queue.
sqlite3 -bail -cmd '.timeout 10000' "$state/queue/queue.db" 3<"$file" <<SQL ||
ATTACH $(quoted "file:$state/audit/audit.db?mode=ro") AS audit;
CREATE TEMP TABLE list (user_id TEXT, reference TEXT);
.import --csv --skip 1 --schema temp /dev/fd/3 list
INSERT INTO main.job (action, user_id, reference, batch, idempotency_key, requested_by, reason)
SELECT 'create', l.user_id, nullif(l.reference, ''), $(quoted "$batch"), l.key,
       $(quoted "${SUDO_USER:-$(id -un)}"), nullif($(quoted "$reason"), '')
  FROM (SELECT *, $(quoted "$batch-") || user_id AS key FROM temp.list) l
 WHERE NOT EXISTS (SELECT 1 FROM main.job q WHERE q.idempotency_key = l.key)
   AND NOT EXISTS (SELECT 1 FROM audit.job a WHERE a.idempotency_key = l.key
                   AND a.state <> 'rejected')
ON CONFLICT (idempotency_key) DO NOTHING;
SELECT changes() || ' of ' || count(*) || ' submitted' FROM temp.list;
SQL
	die 'nothing was submitted'
