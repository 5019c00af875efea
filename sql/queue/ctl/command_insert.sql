-- An operator command.
INSERT INTO command (verb, job_id, batch, action, until, requested_by, reason)
VALUES (:verb, :job_id, :batch, :action, :until, :requested_by, :reason)
RETURNING id
