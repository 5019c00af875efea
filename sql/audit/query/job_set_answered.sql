-- An attempt is over.
UPDATE job SET state = :state, result = :result, unknown_attempts = :unknown_attempts,
  tries = :tries, unknown_tries = :unknown_tries, due_at = :due_at,
  finished_at = :finished_at, sign_in_token_id = :sign_in_token_id,
  http_status = :http_status, error_code = :error_code, error_message = :error_message,
  parked = :parked
WHERE id = :id AND state = 'running' AND attempts = :attempts
