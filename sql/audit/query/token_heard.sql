-- What a revoke, or its refusal, said of a token. Who said it first stays: a later job that
-- hears the same did nothing.
INSERT INTO sign_in_token (id, status, status_at, status_from, user_id, created_at_ms,
  updated_at_ms, revoke_job_id)
VALUES (:id, :status, :status_at, :status_from, :user_id, :created_at_ms, :updated_at_ms,
  :revoke_job_id)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, status_at = excluded.status_at,
  status_from = excluded.status_from, revoke_job_id = excluded.revoke_job_id,
  user_id = coalesce(user_id, excluded.user_id),
  created_at_ms = coalesce(created_at_ms, excluded.created_at_ms),
  updated_at_ms = coalesce(excluded.updated_at_ms, updated_at_ms)
WHERE status <> excluded.status
