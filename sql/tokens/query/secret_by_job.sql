-- The answer to one attempt of a job. A restored queue may give an id out again: then the
-- secret that an earlier job of the same id left is most likely another user's. A restored
-- audit sends jobs again: what an attempt of before left was received before this was sent.
SELECT sign_in_token_id, token, url, user_id, created_at_ms, updated_at_ms, http_status,
  trace_id, received_at, duration_ms
FROM secret
WHERE job_id = :job_id AND attempt = :attempt AND user_id = :user_id
  AND received_at >= :sent_at
LIMIT 1
