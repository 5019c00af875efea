-- A queued job is cancelled or lapses.
UPDATE job SET state = :state, result = :result, due_at = NULL, finished_at = :finished_at,
  parked = parked & 2
WHERE id = :id AND state = 'queued'
