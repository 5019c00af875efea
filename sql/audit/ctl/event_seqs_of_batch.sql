-- The rows about a batch as a whole, above one and up to another: of those without a job,
-- which are few.
SELECT seq FROM audit INDEXED BY audit_job
WHERE job_id IS NULL AND seq > :after AND seq <= :upto AND batch = :batch ORDER BY seq
