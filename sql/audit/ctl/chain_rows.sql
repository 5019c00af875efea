-- Rows of the audit from one on, all columns in the order of the chain, with the row's hash.
SELECT seq, at, event, job_id, command_id, attempt, job_state, action, user_id, org_id,
  sign_in_token_id, token_status, token_created_at_ms, token_updated_at_ms,
  token_expires_at, token_sha256, http_status, error_code, error_message, trace_id, effect,
  duration_ms, next_attempt_at, batch, reference, requested_by, reason, detail, hash
FROM audit WHERE seq >= :from ORDER BY seq LIMIT :limit
