-- How many of the first rows of a span that were looked at were not taken yet (those above
-- both cursors, and above the first alone where they are not urgent) and are among those that
-- a selector takes, and how many were looked at; a selector that is NULL takes all.
SELECT count(*) FILTER (
    WHERE (id > :urgent
        OR NOT (coalesce(priority, 0) > 0 OR (priority IS NULL AND action = 'revoke')))
      AND (:batch IS NULL OR batch = :batch)
      AND (:user_id IS NULL OR user_id = :user_id)
      AND (:requested_by IS NULL OR requested_by = :requested_by)
      AND (:reference IS NULL OR reference = :reference)
      AND (:action IS NULL OR action = :action)
      AND (:token IS NULL OR sign_in_token_id = :token)
      AND (:since IS NULL OR datetime(submitted_at) >= datetime(:since))
      AND (:until IS NULL OR datetime(submitted_at) < datetime(:until))),
  count(*)
FROM (
  SELECT id, action, user_id, sign_in_token_id, batch, priority, reference, requested_by,
    submitted_at
  FROM job WHERE id > :after AND id <= :upto ORDER BY id LIMIT :limit)
