-- Running commands reach no further than this job.
UPDATE command SET max_job_id = min(max_job_id, :max_job_id) WHERE state = 'running'
