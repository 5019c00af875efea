-- The job that has the idempotency key for good.
SELECT id FROM job
WHERE idempotency_key = :key AND state <> 'rejected'
