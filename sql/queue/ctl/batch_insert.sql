-- Limits for a batch; nothing where it has a row.
INSERT INTO batch (name, release_first, max_failures, requested_by, reason)
VALUES (:name, :release_first, :max_failures, :requested_by, :reason)
ON CONFLICT (name) DO NOTHING
RETURNING name
