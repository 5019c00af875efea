-- How far audit.db had got.
SELECT job_id, seq, hash FROM mark WHERE id = 1
