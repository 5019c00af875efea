-- What holds.
SELECT kind, since_at, reason, ends FROM hold ORDER BY kind
