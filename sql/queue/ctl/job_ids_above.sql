-- Rows above one that a selector takes; a selector that is NULL takes all.
SELECT id FROM job
WHERE id > :after
  AND (:batch IS NULL OR batch = :batch)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:requested_by IS NULL OR requested_by = :requested_by)
  AND (:reference IS NULL OR reference = :reference)
  AND (:action IS NULL OR action = :action)
  AND (:token IS NULL OR sign_in_token_id = :token)
  AND (:since IS NULL OR datetime(submitted_at) >= datetime(:since))
  AND (:until IS NULL OR datetime(submitted_at) < datetime(:until))
ORDER BY id
