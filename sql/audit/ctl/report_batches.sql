-- report_batches of the jobs that were taken in a period; NULL = any.
SELECT
  g.batch,
  g.requested_by,
  coalesce(b.reason, g.reason) AS reason,
  g.jobs, g.creates, g.revokes,
  g.queued, g.running, g.succeeded, g.failed, g.cancelled, g.lapsed, g.rejected,
  g.unknown_attempts,
  coalesce(l.tokens, 0) AS live_tokens,
  g.first_at, g.last_at,
  g.finished_at
FROM (
  SELECT j.batch,
    CASE WHEN min(j.requested_by) = max(j.requested_by) THEN max(j.requested_by)
      ELSE max(j.requested_by) || ' and others' END AS requested_by,
    CASE WHEN min(j.reason) = max(j.reason) THEN max(j.reason)
      ELSE max(j.reason) || ' and others' END AS reason,
    count(*) AS jobs, sum(j.action IS 'create') AS creates, sum(j.action IS 'revoke') AS revokes,
    sum(j.state = 'queued') AS queued, sum(j.state = 'running') AS running,
    sum(j.state = 'succeeded') AS succeeded, sum(j.state = 'failed') AS failed,
    sum(j.state = 'cancelled') AS cancelled, sum(j.state = 'lapsed') AS lapsed,
    sum(j.state = 'rejected') AS rejected, sum(j.unknown_attempts) AS unknown_attempts,
    min(j.accepted_at) AS first_at, max(j.accepted_at) AS last_at,
    max(j.finished_at) AS finished_at
  FROM job j WHERE j.batch IS NOT NULL
    AND (:since IS NULL OR j.accepted_at >= :since) AND (:until IS NULL OR j.accepted_at < :until)
  GROUP BY j.batch
) g
LEFT JOIN batch b ON b.name = g.batch
LEFT JOIN (
  SELECT c.batch, count(*) AS tokens FROM live_token t JOIN job c ON c.id = t.create_job_id
  WHERE c.batch IS NOT NULL
    AND (:since IS NULL OR c.accepted_at >= :since) AND (:until IS NULL OR c.accepted_at < :until)
  GROUP BY c.batch
) l ON l.batch = g.batch
ORDER BY g.last_at DESC, g.batch
