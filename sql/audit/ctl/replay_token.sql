-- A row of sign_in_token as it stands.
SELECT id, status, status_at, status_from, user_id, org_id, created_at_ms, updated_at_ms,
  expires_at, token_sha256, create_job_id, revoke_job_id, purged_at
FROM sign_in_token WHERE rowid = :row
