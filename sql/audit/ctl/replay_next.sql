-- The first id from one on that the table job or the audit has a row for.
SELECT min(id) FROM (
  SELECT min(id) AS id FROM job WHERE id >= :from
  UNION ALL
  SELECT min(job_id) FROM audit INDEXED BY audit_job WHERE job_id >= :from
)
