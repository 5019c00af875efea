-- The highest priority below one that an action has queued jobs of.
SELECT priority FROM job INDEXED BY job_due
WHERE state = 'queued' AND parked = 0 AND action = :action AND priority < :below
ORDER BY priority DESC LIMIT 1
