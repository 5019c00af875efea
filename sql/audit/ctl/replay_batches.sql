-- Batches with a row of their own, every column.
SELECT id, name, release_first, max_failures, requested_by, reason, taken_at, taken, failed,
  held, stopped
FROM batch ORDER BY id
