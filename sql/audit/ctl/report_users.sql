-- report_users of the jobs that were taken and the tokens that were made in a period; NULL = any.
WITH asked AS (
  SELECT user_id, count(*) AS creates, sum(finished_at IS NULL) AS open,
    sum(state = 'succeeded') AS succeeded, sum(state = 'failed') AS failed,
    sum(unknown_attempts) AS unknown_attempts,
    min(accepted_at) AS first_at, max(accepted_at) AS last_at
  FROM job WHERE user_id IS NOT NULL
    AND (:since IS NULL OR accepted_at >= :since) AND (:until IS NULL OR accepted_at < :until)
  GROUP BY user_id),
made AS MATERIALIZED (
  SELECT user_id, count(*) AS tokens,
    sum(status = 'pending' AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')) AS live,
    sum(status = 'accepted') AS used, sum(status = 'revoked') AS revoked
  FROM sign_in_token WHERE user_id IS NOT NULL
    AND (:since IS NULL
      OR strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch') >= :since)
    AND (:until IS NULL
      OR strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch') < :until)
  GROUP BY user_id)
SELECT
  a.user_id,
  a.creates,
  a.open, a.succeeded, a.failed,
  a.unknown_attempts,
  coalesce(m.tokens, 0) AS tokens,
  coalesce(m.live, 0) AS live_tokens,
  coalesce(m.used, 0) AS used, coalesce(m.revoked, 0) AS revoked,
  coalesce(m.tokens - m.live - m.used - m.revoked, 0) AS expired,
  a.first_at, a.last_at
FROM asked a LEFT JOIN made m ON m.user_id = a.user_id
UNION ALL
SELECT m.user_id, 0, 0, 0, 0, 0, m.tokens, m.live, m.used, m.revoked,
  m.tokens - m.live - m.used - m.revoked, NULL, NULL
FROM made m WHERE NOT EXISTS (
  SELECT 1 FROM job j WHERE j.user_id = m.user_id
    AND (:since IS NULL OR j.accepted_at >= :since) AND (:until IS NULL OR j.accepted_at < :until))
ORDER BY creates DESC, user_id
