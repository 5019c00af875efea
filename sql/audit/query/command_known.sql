-- Whether a command was taken.
SELECT 1 FROM command WHERE id = :id
