-- What an operator paused, and who did.
SELECT p.action, p.batch, p.until, p.since_at, p.command_id, c.requested_by, c.reason
FROM pause p LEFT JOIN command c ON c.id = p.command_id ORDER BY p.command_id
