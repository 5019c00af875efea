-- As job_next_types, of the jobs of effective priority above 0.
SELECT
  id, typeof(action), typeof(user_id), typeof(org_id), typeof(expires_in_seconds),
  typeof(sign_in_token_id), typeof(batch), typeof(priority), typeof(not_before),
  typeof(not_after), typeof(idempotency_key), typeof(reference),
  typeof(requested_by), typeof(reason), typeof(submitted_at)
FROM job INDEXED BY job_urgent
WHERE id > :after AND (priority > 0 OR (priority IS NULL AND action = 'revoke'))
ORDER BY id
LIMIT 1;
