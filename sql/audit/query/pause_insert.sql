-- Something is paused, or less of it or for longer; since when stays.
INSERT INTO pause (command_id, action, batch, until, since_at, clock_create, clock_revoke)
VALUES (:command_id, :action, :batch, :until, :since_at, :clock_create, :clock_revoke)
ON CONFLICT (command_id) DO UPDATE SET action = excluded.action,
  clock_create = excluded.clock_create, clock_revoke = excluded.clock_revoke
