-- Commands that work in steps, in the order in which they were taken.
SELECT id, verb, job_id, batch, action, until, requested_by, reason, max_job_id,
  step_job_id, affected, still_create, still_revoke, taken_at, taken_seq
FROM command INDEXED BY command_running WHERE state = 'running' ORDER BY taken_seq, id
