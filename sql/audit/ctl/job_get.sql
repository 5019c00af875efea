-- One job, whole.
SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at,
  state, result, attempts, unknown_attempts, accepted_at, due_at, finished_at, http_status,
  error_code, error_message, parked
FROM job WHERE id = :id
