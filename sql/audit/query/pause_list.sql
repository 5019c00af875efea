-- What is paused.
SELECT command_id, action, batch, until, clock_create, clock_revoke FROM pause
ORDER BY command_id
