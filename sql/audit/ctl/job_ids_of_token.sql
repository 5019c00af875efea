-- The jobs about a token: the one that made it and those that revoke it.
SELECT create_job_id FROM sign_in_token WHERE id = :token AND create_job_id IS NOT NULL
UNION ALL
SELECT id FROM job INDEXED BY job_token WHERE action = 'revoke' AND sign_in_token_id = :token
