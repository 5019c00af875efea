-- A job of the batch failed.
UPDATE batch SET failed = failed + 1 WHERE name = :name
RETURNING id, max_failures > 0 AND failed >= max_failures AND stopped = 0
