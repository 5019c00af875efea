-- How many due jobs of one action and the same priority go before one, counted up to a
-- limit.
SELECT count(*) FROM (
  SELECT 1 FROM job INDEXED BY job_due
  WHERE state = 'queued' AND parked = 0 AND action = :action AND priority = :priority
    AND due_at <= :now AND (due_at, id) < (:due_at, :id)
  LIMIT :max)
