-- Queued jobs of one action and priority that no schedule holds back and that seem due too
-- late: a retry later than the longest wait, one without a counted try later than now.
SELECT id FROM job INDEXED BY job_due
WHERE state = 'queued' AND parked = 0 AND action = :action AND priority = :priority
  AND due_at > :now AND (tries = 0 OR due_at > :limit) AND due_at IS NOT not_before
LIMIT 1000
