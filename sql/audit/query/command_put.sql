-- An operator command as it stands.
INSERT INTO command (id, verb, job_id, batch, action, until, requested_by, reason, taken_at,
  finished_at, state, affected, message, max_job_id, step_job_id,
  still_create, still_revoke, taken_seq)
VALUES (:id, :verb, :job_id, :batch, :action, :until, :requested_by, :reason, :taken_at,
  :finished_at, :state, :affected, :message, :max_job_id,
  :step_job_id, :still_create, :still_revoke, :taken_seq)
ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at, state = excluded.state,
  affected = excluded.affected, message = excluded.message,
  step_job_id = excluded.step_job_id
