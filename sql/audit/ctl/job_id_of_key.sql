-- The job that has the idempotency key for good, and what it asks for.
SELECT id, action, user_id, sign_in_token_id FROM job
WHERE idempotency_key = :key AND state <> 'rejected'
