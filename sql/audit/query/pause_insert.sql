-- Something is paused.
INSERT OR REPLACE INTO pause (command_id, action, batch, until, since_at, clock_create,
  clock_revoke)
VALUES (:command_id, :action, :batch, :until, :since_at, :clock_create, :clock_revoke)
