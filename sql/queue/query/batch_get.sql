-- One batch by its name.
SELECT
  name, release_first, max_failures, requested_by, reason, submitted_at
FROM batch
WHERE name = :name;
