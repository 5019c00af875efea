-- The answer to one attempt of a job.
SELECT sign_in_token_id, token, url, user_id, created_at_ms, updated_at_ms, http_status,
  trace_id, received_at, duration_ms
FROM secret WHERE job_id = :job_id AND attempt = :attempt LIMIT 1
