-- When the next queued job lapses.
SELECT not_after FROM job INDEXED BY job_not_after
WHERE state = 'queued' AND not_after IS NOT NULL ORDER BY not_after LIMIT 1
