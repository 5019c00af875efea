-- Queued jobs of one action and priority that were tried and seem due too late.
SELECT id FROM job INDEXED BY job_due
WHERE state = 'queued' AND parked = 0 AND action = :action AND priority = :priority
  AND due_at > :limit AND tries > 0 LIMIT 1000
