-- The commands behind an id, in the order of their ids.
SELECT
  id, verb, job_id, batch, action, until, requested_by, reason, submitted_at
FROM command NOT INDEXED
WHERE id > :after
ORDER BY id;
