-- One operator command, as the daemon took it.
SELECT id, verb, job_id, batch, action, until, requested_by, reason, taken_at, finished_at,
  state, affected, message
FROM command WHERE id = :id
