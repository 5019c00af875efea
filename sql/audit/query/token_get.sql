-- What is known of a token.
SELECT status, create_job_id FROM sign_in_token WHERE id = :id
