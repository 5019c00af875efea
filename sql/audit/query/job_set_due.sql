-- A queued job is due at another time.
UPDATE job SET due_at = :due_at WHERE id = :id AND state = 'queued'
