-- How many jobs of a batch, of an action or of both are under way, up to an id.
SELECT count(*) FROM job INDEXED BY job_running
WHERE state = 'running' AND id <= :max_id AND (:batch IS NULL OR batch = :batch)
  AND (:action IS NULL OR action = :action)
