-- A command that has ended and that no row of the audit tells of.
SELECT id FROM command WHERE state <> 'running' AND id NOT IN (
  SELECT command_id FROM audit WHERE event = 'commanded' AND command_id IS NOT NULL)
LIMIT 1
