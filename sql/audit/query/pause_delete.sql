-- It is resumed.
DELETE FROM pause WHERE command_id = :command_id
