-- One token, where it is among those selected; a selector that is NULL takes all. By when it was
-- made, or, where nobody knows, last heard of.
SELECT t.id, t.life, t.status, t.status_at, t.status_from, t.user_id, t.org_id, t.created_at,
  t.expires_at, t.token_sha256, t.create_job_id, t.revoke_job_id, t.purged_at, t.batch,
  t.reference, t.requested_by, t.reason
FROM sign_in_token s JOIN token t ON t.id = s.id
WHERE s.rowid = :row
  AND (:batch IS NULL OR t.batch = :batch)
  AND (:user_id IS NULL OR t.user_id = :user_id)
  AND (:requested_by IS NULL OR t.requested_by = :requested_by)
  AND (:reference IS NULL OR t.reference = :reference)
  AND (:since IS NULL OR coalesce(t.created_at, t.status_at) >= :since)
  AND (:until IS NULL OR coalesce(t.created_at, t.status_at) < :until)
  AND (NOT :live OR t.life = 'may be live')
