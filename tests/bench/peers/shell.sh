#!/usr/bin/env bash
# curl and sqlite3 under xargs -P: what an admin writes.
set -eu
if [ $# != 4 ]; then
	echo "usage: $0 URL N CONCURRENCY FOLDER" >&2
	exit 64
fi
url=$1 n=$2 workers=$3 db=$4/jobs.db

sqlite3 -bail "$db" "
	CREATE TABLE job (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL,
		state TEXT NOT NULL DEFAULT 'pending', answer TEXT);
	WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < $n)
	INSERT INTO job (user_id) SELECT 'user_' || n FROM i;" >/dev/null

# One job: ID USER. A 429 is tried again when it says, everything else counts as it comes.
one() {
	local status answer state=succeeded
	while :; do
		answer=$(curl -s -D "$TMP/$1" -w '\n%{http_code}' -X POST "$URL/v1/sign_in_tokens" \
			-H "Authorization: Bearer sk_test_fake" -H 'Content-Type: application/json' \
			-H 'Clerk-API-Version: 2026-05-12' -d "{\"user_id\":\"$2\"}") || true
		status=${answer##*$'\n'}
		[ "$status" = 429 ] || break
		sleep "$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$TMP/$1")"
	done
	[ "$status" = 200 ] || state=failed
	answer=${answer%$'\n'*}
	sqlite3 -bail -cmd '.timeout 60000' "$DB" "
		UPDATE job SET state = '$state', answer = '${answer//\'/\'\'}' WHERE id = $1"
}
export -f one
export URL=$url DB=$db TMP=$4

began=$EPOCHREALTIME
sqlite3 -separator ' ' "$db" "SELECT id, user_id FROM job WHERE state = 'pending'" |
	xargs -P "$workers" -L 1 bash -c 'one "$@"' one
ended=$EPOCHREALTIME
sqlite3 "$db" "SELECT json_object(
	'succeeded', sum(state = 'succeeded'), 'failed', sum(state = 'failed'),
	'seconds', $ended - $began) FROM job"
