-- The rows about a job.
SELECT seq FROM audit INDEXED BY audit_job WHERE job_id = :job_id ORDER BY seq
