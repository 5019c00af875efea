-- The newest of the jobs that were taken.
SELECT
  id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at
FROM job NOT INDEXED
WHERE id <= :cursor
ORDER BY id DESC
LIMIT 1;
