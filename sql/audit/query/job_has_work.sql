-- A queued job that is due, or that waits for a retry.
SELECT 1 FROM job WHERE state = 'queued' AND (due_at <= :now OR due_at IS NOT not_before) LIMIT 1
