-- Secrets that were kept long enough.
SELECT sign_in_token_id FROM secret WHERE received_at < :before ORDER BY received_at
LIMIT :max
