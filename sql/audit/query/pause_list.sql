-- What is paused.
SELECT command_id, action, batch, until, clock_create, clock_revoke, since_at FROM pause
ORDER BY command_id
