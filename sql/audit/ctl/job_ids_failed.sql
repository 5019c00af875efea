-- The failed jobs.
SELECT id FROM job INDEXED BY job_failed WHERE state = 'failed'
