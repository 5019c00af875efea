-- A page of report_tokens, of those that were made in a period (or, where nobody knows when, last
-- heard of then); NULL = any.
SELECT entry, sign_in_token_id, life, user_id, org_id, created_at, expires_at, status,
  status_at, status_from, requested_by, reason, reference, batch, create_job_id,
  revoke_job_id, revoke_requested_by, revoke_reason, token_sha256, purged_at
FROM report_tokens
WHERE entry > :after
  AND (:since IS NULL OR coalesce(created_at, status_at) >= :since)
  AND (:until IS NULL OR coalesce(created_at, status_at) < :until)
ORDER BY entry LIMIT :limit
