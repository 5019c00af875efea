-- When the first job of a batch was taken, and when the last one ended.
SELECT min(accepted_at), max(finished_at) FROM job INDEXED BY job_batch WHERE batch = :batch
