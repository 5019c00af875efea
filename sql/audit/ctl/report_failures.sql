-- report_failures of what failed in a period; NULL = any.
SELECT
  result, action, http_status, error_code,
  count(*) AS jobs,
  id AS example_job,
  max(finished_at) AS last_at,
  error_message,
  CASE result
    WHEN 'already_used' THEN 'somebody signed in with it; the session lives on'
    WHEN 'not_found' THEN 'Clerk knows no such user or token'
    WHEN 'invalid' THEN 'the row or the request does not hold'
    WHEN 'refused' THEN 'Clerk does not allow it'
    WHEN 'outcome_unknown' THEN 'no attempt brought a usable answer; a token may exist'
    WHEN 'gave_up' THEN 'too many attempts or too old; the last error is kept'
  END AS meaning
FROM job INDEXED BY job_failed WHERE state = 'failed'
  AND (:since IS NULL OR finished_at >= :since) AND (:until IS NULL OR finished_at < :until)
GROUP BY result, action, http_status, error_code
ORDER BY jobs DESC, result, action, http_status, error_code
