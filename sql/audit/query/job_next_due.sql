-- When the next job of one action and priority is due.
SELECT due_at FROM job INDEXED BY job_due
WHERE state = 'queued' AND parked = 0 AND action = :action AND priority = :priority
ORDER BY due_at LIMIT 1
