-- How far audit.db has got.
UPDATE mark SET job_id = :job_id, seq = :seq, hash = :hash WHERE id = 1
