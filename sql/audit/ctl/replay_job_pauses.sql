-- What a queued job of a batch waits for: a pause of it, the rest's pause, and whether a
-- command is just changing that.
SELECT
  EXISTS (SELECT 1 FROM pause WHERE batch = :batch AND command_id > :rest_ids
    AND (action IS NULL OR action = :action)),
  EXISTS (SELECT 1 FROM pause WHERE batch = :batch AND command_id <= :rest_ids
    AND (action IS NULL OR action = :action)),
  EXISTS (SELECT 1 FROM command INDEXED BY command_running
    WHERE state = 'running' AND batch = :batch AND verb IN ('pause', 'resume'))
