-- The rows about a job, above one and up to another.
SELECT seq FROM audit INDEXED BY audit_job
WHERE job_id = :job_id AND seq > :after AND seq <= :upto ORDER BY seq
