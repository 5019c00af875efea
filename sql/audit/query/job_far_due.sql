-- Queued jobs of one action and priority that no schedule holds back and that seem due too
-- late: a retry later than its own longest wait, one without a counted try later than now.
-- The wait is :initial ms, doubled with each counted try after the first up to :longest ms,
-- and a quarter more.
SELECT id FROM job INDEXED BY job_due
WHERE state = 'queued' AND parked = 0 AND action = :action AND priority = :priority
  AND due_at > :now AND due_at IS NOT not_before
  AND (tries = 0
       OR due_at > strftime('%Y-%m-%d %H:%M:%f', :now,
                            (min(:initial << min(tries - 1, 30), :longest) * 5 / 4 / 1000.0)
                            || ' seconds'))
LIMIT 1000
