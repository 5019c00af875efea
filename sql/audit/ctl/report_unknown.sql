-- report_unknown of a period, in order; NULL = any.
SELECT seq, sent_at, at, action, user_id, sign_in_token_id, job_id, attempt, trace_id, event,
  http_status, error_code, error_message, requested_by, reason, reference, batch, job_state,
  job_result, made_token_id, job_finished_at, may_be_live_until
FROM report_unknown
WHERE (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until)
ORDER BY seq
