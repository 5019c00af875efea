-- Queued jobs whose not_after has come.
SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at,
  state, attempts, unknown_attempts, tries, unknown_tries, age_from, due_at
FROM job INDEXED BY job_not_after
WHERE state = 'queued' AND not_after IS NOT NULL AND not_after <= :now
ORDER BY not_after LIMIT :max
