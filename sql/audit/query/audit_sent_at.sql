-- When an attempt was sent.
SELECT at FROM audit WHERE job_id = :job_id AND event = 'sent' AND attempt = :attempt
ORDER BY seq DESC LIMIT 1
