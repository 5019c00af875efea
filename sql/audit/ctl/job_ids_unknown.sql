-- Jobs with an attempt whose outcome is unknown.
SELECT id FROM job WHERE unknown_attempts > 0
