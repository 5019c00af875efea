-- The jobs of a batch that wait: the last of them, when the last is due, and how many are
-- urgent.
SELECT max(id), max(due_at), sum(priority >= 10)
FROM job INDEXED BY job_batch WHERE batch = :batch AND state = 'queued'
