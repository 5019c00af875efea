-- One job, where it is among those selected; a selector that is NULL takes all.
SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch, priority,
  not_before, not_after, idempotency_key, reference, requested_by, reason, submitted_at,
  state, result, attempts, unknown_attempts, accepted_at, due_at, finished_at, http_status,
  error_code, error_message, parked
FROM job
WHERE id = :id
  AND (:batch IS NULL OR batch = :batch)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:requested_by IS NULL OR requested_by = :requested_by)
  AND (:reference IS NULL OR reference = :reference)
  AND (:action IS NULL OR action = :action)
  AND (:state IS NULL OR state = :state)
  AND (:result IS NULL OR result = :result)
  AND (:token IS NULL OR sign_in_token_id = :token)
  AND (:since IS NULL OR accepted_at >= :since)
  AND (:until IS NULL OR accepted_at < :until)
