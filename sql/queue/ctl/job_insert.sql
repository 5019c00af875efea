-- Asks for one job; nothing where its idempotency key is in the queue already.
INSERT INTO job (action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch,
  priority, not_before, not_after, idempotency_key, reference, requested_by, reason)
VALUES (:action, :user_id, :org_id, :expires_in_seconds, :sign_in_token_id, :batch,
  :priority, :not_before, :not_after, :idempotency_key, :reference, :requested_by, :reason)
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING id
