-- A queued job is cancelled or lapses.
UPDATE job SET state = :state, result = :result, due_at = NULL, finished_at = :finished_at,
  parked = 0
WHERE id = :id AND state = 'queued'
