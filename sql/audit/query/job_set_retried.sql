-- A failed or cancelled job is queued again with a fresh budget.
UPDATE job SET state = 'queued', result = NULL, due_at = :due_at, finished_at = NULL,
  tries = 0, unknown_tries = 0, age_from = -1, parked = :paused | (parked & :held_back)
WHERE id = :id AND state IN ('failed', 'cancelled')
