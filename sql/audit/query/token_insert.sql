-- A token that a create brought.
INSERT INTO sign_in_token (id, status, status_at, status_from, user_id, org_id,
  created_at_ms, updated_at_ms, expires_at, token_sha256, create_job_id)
VALUES (:id, :status, :status_at, 'create', :user_id, :org_id, :created_at_ms,
  :updated_at_ms, :expires_at, :token_sha256, :create_job_id)
