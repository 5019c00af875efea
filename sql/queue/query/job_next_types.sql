-- The id and the storage classes of the first job behind an id: what can still be read of a
-- row with a value over the limit.
SELECT
  id, typeof(action), typeof(user_id), typeof(org_id), typeof(expires_in_seconds),
  typeof(sign_in_token_id), typeof(batch), typeof(priority), typeof(not_before),
  typeof(not_after), typeof(idempotency_key), typeof(reference),
  typeof(requested_by), typeof(reason), typeof(submitted_at)
FROM job NOT INDEXED
WHERE id > :after
ORDER BY id
LIMIT 1;
