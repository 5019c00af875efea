-- The tokens that may be live.
SELECT rowid FROM sign_in_token INDEXED BY sign_in_token_pending
WHERE status = 'pending' AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
UNION ALL
SELECT rowid FROM sign_in_token INDEXED BY sign_in_token_pending
WHERE status = 'pending' AND expires_at IS NULL
