-- A batch that has a row of its own in the queue; the first word counts.
INSERT INTO batch (name, release_first, max_failures, requested_by, reason, taken_at)
VALUES (:name, :release_first, :max_failures, :requested_by, :reason, :taken_at)
ON CONFLICT (name) DO NOTHING
