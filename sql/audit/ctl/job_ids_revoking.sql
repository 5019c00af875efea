-- The revokes of the tokens that were made for a user.
SELECT r.id FROM job c INDEXED BY job_user CROSS JOIN job r INDEXED BY job_token
WHERE c.user_id = :user_id AND c.sign_in_token_id IS NOT NULL
  AND r.action = 'revoke' AND r.sign_in_token_id = c.sign_in_token_id
