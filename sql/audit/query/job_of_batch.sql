-- Jobs of a batch in one state, of one action or of both, by id.
SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at,
  state, attempts, unknown_attempts, tries, unknown_tries, age_from, due_at
FROM job INDEXED BY job_batch
WHERE batch = :batch AND state = :state AND id > :after AND id <= :max_id
  AND (:action IS NULL OR action = :action)
ORDER BY id LIMIT :max
