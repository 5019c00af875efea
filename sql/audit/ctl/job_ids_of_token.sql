-- The jobs about a token: the one that made it and those that revoke it.
SELECT id FROM job INDEXED BY job_token WHERE sign_in_token_id = :token
