-- A queued job of the actions wanted that is due, or that waits for a retry; of paused
-- batches only where wanted.
SELECT 1 FROM job
WHERE state = 'queued' AND (due_at <= :now OR due_at IS NOT not_before)
  AND (parked = 0 OR :parked)
  AND ((action = 'create' AND :create) OR (action = 'revoke' AND :revoke))
LIMIT 1
