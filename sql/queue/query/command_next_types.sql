-- The id and the storage classes of the first command behind an id: what can still be read of
-- a row with a value over the limit.
SELECT
  id, typeof(verb), typeof(job_id), typeof(batch), typeof(action), typeof(until),
  typeof(requested_by), typeof(reason), typeof(submitted_at)
FROM command NOT INDEXED
WHERE id > :after
ORDER BY id
LIMIT 1;
