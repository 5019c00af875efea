-- A queued job is due at another time, at its not_before at the earliest.
UPDATE job SET due_at = max(:due_at, coalesce(not_before, ''))
WHERE id = :id AND state = 'queued'
