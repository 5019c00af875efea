-- The tokens that Clerk said are used or revoked, since a time.
SELECT rowid FROM sign_in_token WHERE status <> 'pending' AND status_at >= :since
