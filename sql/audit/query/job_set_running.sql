-- An attempt begins.
UPDATE job SET state = 'running', attempts = attempts + 1, age_from = :age_from
WHERE id = :id AND state = 'queued' AND attempts = :attempts
