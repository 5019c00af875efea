-- The tokens whose secrets are kept.
SELECT sign_in_token_id FROM secret WHERE received_at < :before ORDER BY received_at
