-- The rows that begin or end an attempt, newest first.
SELECT seq, event, at, job_id, attempt FROM audit
WHERE event IN ('sent', 'answered', 'unanswered', 'interrupted', 'recovered')
ORDER BY seq DESC
