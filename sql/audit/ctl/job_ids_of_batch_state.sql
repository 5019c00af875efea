-- The jobs of a batch in one state.
SELECT id FROM job INDEXED BY job_batch WHERE batch = :batch AND state = :state
