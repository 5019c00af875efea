-- Whether a batch has a row with these very limits.
SELECT 1 FROM batch
WHERE name = :name AND release_first IS :release_first AND max_failures IS :max_failures
