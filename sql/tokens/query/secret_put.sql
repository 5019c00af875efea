-- A create's answer, whole. The same answer may be written again after a failed turn.
INSERT INTO secret (sign_in_token_id, job_id, attempt, token, url, status, user_id,
  created_at_ms, updated_at_ms, expires_at, http_status, trace_id, received_at, duration_ms)
VALUES (:sign_in_token_id, :job_id, :attempt, :token, :url, :status, :user_id,
  :created_at_ms, :updated_at_ms, :expires_at, :http_status, :trace_id, :received_at,
  :duration_ms)
ON CONFLICT (sign_in_token_id) DO UPDATE SET received_at = excluded.received_at
WHERE job_id = excluded.job_id AND attempt = excluded.attempt
