-- One token, whole.
SELECT t.id, t.life, t.status, t.status_at, t.status_from, t.user_id, t.org_id, t.created_at,
  t.expires_at, t.token_sha256, t.create_job_id, t.revoke_job_id, t.purged_at, t.batch,
  t.reference, t.requested_by, t.reason
FROM token t WHERE t.id = :id
