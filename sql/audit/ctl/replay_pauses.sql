-- What is paused.
SELECT command_id, action, batch, until, since_at FROM pause ORDER BY command_id
