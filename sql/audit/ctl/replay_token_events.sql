-- What was heard of a token, in order.
SELECT a.seq, a.at, a.event, a.job_id, a.command_id, a.attempt, a.job_state, a.action,
  a.user_id, a.org_id, a.sign_in_token_id, a.token_status, a.token_created_at_ms,
  a.token_updated_at_ms, a.token_expires_at, a.token_sha256, a.http_status, a.error_code,
  a.error_message, a.trace_id, a.effect, a.duration_ms, a.next_attempt_at, a.batch,
  a.reference, a.requested_by, a.reason, a.detail, a.hash
FROM audit a INDEXED BY audit_job
WHERE a.job_id IN (
    SELECT create_job_id FROM sign_in_token WHERE id = :token AND create_job_id IS NOT NULL
    UNION ALL
    SELECT id FROM job INDEXED BY job_token
    WHERE action = 'revoke' AND sign_in_token_id = :token)
  AND a.token_status IS NOT NULL AND a.sign_in_token_id = :token
ORDER BY a.seq
