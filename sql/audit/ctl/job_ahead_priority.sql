-- How many due jobs of one action have a higher priority, counted up to a limit.
SELECT count(*) FROM (
  SELECT 1 FROM job INDEXED BY job_due
  WHERE state = 'queued' AND parked = 0 AND action = :action AND priority > :priority
    AND due_at <= :now
  LIMIT :max)
