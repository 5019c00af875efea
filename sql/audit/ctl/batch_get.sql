-- A batch's canary and its limit on failures.
SELECT release_first, max_failures, requested_by, reason, taken_at, held, stopped
FROM batch WHERE name = :name
