-- A row of the queue that was taken: queued, or rejected.
INSERT INTO job (id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch,
  priority, not_before, not_after, idempotency_key, reference, requested_by, reason,
  submitted_at, state, result, accepted_at, due_at, finished_at, error_message, parked)
VALUES (:id, :action, :user_id, :org_id, :expires_in_seconds, :sign_in_token_id, :batch,
  :priority, :not_before, :not_after, :idempotency_key, :reference, :requested_by, :reason,
  :submitted_at, :state, :result, :accepted_at, :due_at, :finished_at, :error_message,
  :parked)
