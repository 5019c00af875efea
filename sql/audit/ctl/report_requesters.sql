-- report_requesters of the jobs that were taken in a period; NULL = any.
SELECT
  g.requested_by,
  g.jobs, g.creates, g.revokes,
  g.queued, g.running, g.succeeded, g.failed, g.cancelled, g.lapsed, g.rejected,
  g.unknown_attempts,
  coalesce(l.tokens, 0) AS live_tokens,
  g.first_at, g.last_at
FROM (
  SELECT j.requested_by, count(*) AS jobs, sum(j.action IS 'create') AS creates,
    sum(j.action IS 'revoke') AS revokes,
    sum(j.state = 'queued') AS queued, sum(j.state = 'running') AS running,
    sum(j.state = 'succeeded') AS succeeded, sum(j.state = 'failed') AS failed,
    sum(j.state = 'cancelled') AS cancelled, sum(j.state = 'lapsed') AS lapsed,
    sum(j.state = 'rejected') AS rejected, sum(j.unknown_attempts) AS unknown_attempts,
    min(j.accepted_at) AS first_at, max(j.accepted_at) AS last_at
  FROM job j
  WHERE (:since IS NULL OR j.accepted_at >= :since) AND (:until IS NULL OR j.accepted_at < :until)
  GROUP BY j.requested_by
) g
LEFT JOIN (
  SELECT c.requested_by, count(*) AS tokens
  FROM live_token t JOIN job c ON c.id = t.create_job_id
  WHERE (:since IS NULL OR c.accepted_at >= :since) AND (:until IS NULL OR c.accepted_at < :until)
  GROUP BY c.requested_by
) l ON l.requested_by = g.requested_by
ORDER BY g.jobs DESC, g.requested_by
