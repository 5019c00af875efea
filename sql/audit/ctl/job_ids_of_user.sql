-- The jobs for a user.
SELECT id FROM job INDEXED BY job_user WHERE user_id = :user_id
