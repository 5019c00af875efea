-- How many rows of each batch, or of one, were not taken yet: those above both cursors, and
-- above the first alone where they are not urgent.
SELECT batch, count(*), min(submitted_at) FROM job
WHERE id > :after AND batch IS NOT NULL AND (:batch IS NULL OR batch = :batch)
  AND (id > :urgent
    OR NOT (coalesce(priority, 0) > 0 OR (priority IS NULL AND action = 'revoke')))
GROUP BY batch
