-- The jobs of a batch that wait: the last of them, when the last is due, how many are
-- urgent, and how many are parked.
SELECT max(id), max(due_at), sum(priority >= 10), sum(parked <> 0)
FROM job INDEXED BY job_batch WHERE batch = :batch AND state = 'queued'
