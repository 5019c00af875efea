-- The jobs of effective priority above 0 behind an id; the words are those of the index.
SELECT
  id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at
FROM job INDEXED BY job_urgent
WHERE id > :after AND (priority > 0 OR (priority IS NULL AND action = 'revoke'))
ORDER BY id;
