-- What an operator paused.
SELECT action, batch, until, since_at FROM pause ORDER BY command_id
