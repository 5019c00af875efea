-- Parked jobs of a batch, of one action or of both, by id.
SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at,
  state, attempts, unknown_attempts, tries, unknown_tries, age_from, due_at
FROM job INDEXED BY job_batch
WHERE batch = :batch AND state = 'queued' AND id > :after AND id <= :max_id AND parked <> 0
  AND (:action IS NULL OR action = :action)
ORDER BY id LIMIT :max
