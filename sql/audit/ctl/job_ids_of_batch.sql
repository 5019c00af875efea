-- The jobs of a batch.
SELECT id FROM job INDEXED BY job_batch WHERE batch = :batch
