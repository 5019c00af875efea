-- An operator command. Its time to the millisecond: after a restore what is older is not obeyed.
INSERT INTO command (verb, job_id, batch, action, until, requested_by, reason, submitted_at)
VALUES (:verb, :job_id, :batch, :action, :until, :requested_by, :reason,
  strftime('%Y-%m-%d %H:%M:%f', 'now'))
RETURNING id
