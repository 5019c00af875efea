-- Queued jobs of one action that are parked.
SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at,
  state, attempts, unknown_attempts, tries, unknown_tries, age_from, due_at
FROM job INDEXED BY job_parked
WHERE state = 'queued' AND parked <> 0 AND action = :action AND id <= :max_id LIMIT :max
