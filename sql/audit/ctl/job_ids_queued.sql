-- The queued jobs, those of paused batches too.
SELECT id FROM job INDEXED BY job_due WHERE state = 'queued' AND parked = 0
UNION ALL
SELECT id FROM job INDEXED BY job_parked WHERE state = 'queued' AND parked <> 0
