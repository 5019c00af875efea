-- A job of the batch is accepted.
UPDATE batch SET taken = taken + 1 WHERE name = :name
RETURNING id, release_first >= 0 AND taken > release_first AND held = 0, stopped
