-- The secret that a create brought.
SELECT sign_in_token_id, token, url, user_id, expires_at FROM secret
WHERE job_id = :job_id ORDER BY received_at DESC LIMIT 1
