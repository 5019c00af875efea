-- How many jobs of a batch are in which state.
SELECT state, count(*) FROM job INDEXED BY job_batch WHERE batch = :batch GROUP BY state
