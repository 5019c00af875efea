-- The running jobs.
SELECT id FROM job INDEXED BY job_running WHERE state = 'running'
