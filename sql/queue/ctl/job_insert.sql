-- Asks for one job.
INSERT INTO job (action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch,
  priority, not_before, not_after, idempotency_key, reference, requested_by, reason)
VALUES (:action, :user_id, :org_id, :expires_in_seconds, :sign_in_token_id, :batch,
  :priority, :not_before, :not_after, :idempotency_key, :reference, :requested_by, :reason)
RETURNING id
