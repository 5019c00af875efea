-- One count.
INSERT INTO tally (action, state, jobs) VALUES (:action, :state, :jobs)
ON CONFLICT (action, state) DO UPDATE SET jobs = excluded.jobs
