-- One operator command, every column.
SELECT id, verb, job_id, batch, action, until, requested_by, reason, taken_at, finished_at,
  state, affected, message, max_job_id, step_job_id, still_create, still_revoke,
  taken_seq
FROM command WHERE id = :id
