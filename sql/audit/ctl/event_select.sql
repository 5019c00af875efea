-- One row of the audit, where it is among those selected: by its own event and time, by its
-- job as it stands now, and by what either of them says; a revoke is also about the user of
-- its token. Whoever is stated in the row itself is who asked for it: the cancel of a job is
-- not by who asked for the job. A selector that is NULL takes all.
SELECT a.seq, a.at, a.event, a.job_id, a.command_id, a.attempt, a.job_state, a.action, a.user_id,
  a.org_id, a.sign_in_token_id, a.token_status, a.token_created_at_ms,
  a.token_updated_at_ms, a.token_expires_at, a.token_sha256, a.http_status, a.error_code,
  a.error_message, a.trace_id, a.effect, a.duration_ms, a.next_attempt_at, a.batch,
  a.reference, a.requested_by, a.reason, a.detail, a.hash
FROM audit a LEFT JOIN job j ON j.id = a.job_id
WHERE a.seq = :seq
  AND (:event IS NULL OR a.event = :event)
  AND (:since IS NULL OR a.at >= :since)
  AND (:until IS NULL OR a.at < :until)
  AND (:batch IS NULL OR a.batch = :batch OR j.batch = :batch)
  AND (:user_id IS NULL OR a.user_id = :user_id OR j.user_id = :user_id
    OR (SELECT user_id FROM sign_in_token WHERE id = j.sign_in_token_id) = :user_id)
  AND (:requested_by IS NULL OR coalesce(a.requested_by, j.requested_by) = :requested_by)
  AND (:reference IS NULL OR a.reference = :reference OR j.reference = :reference)
  AND (:action IS NULL OR a.action = :action OR j.action = :action)
  AND (:state IS NULL OR j.state = :state)
  AND (:result IS NULL OR j.result = :result)
  AND (:token IS NULL OR a.sign_in_token_id = :token OR j.sign_in_token_id = :token)
