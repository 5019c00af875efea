-- Every secret that is kept, and of which token it is.
SELECT sign_in_token_id, job_id, attempt, token, user_id, expires_at, received_at
FROM secret ORDER BY sign_in_token_id
