-- The newest row.
SELECT seq, at, hash FROM audit ORDER BY seq DESC LIMIT 1
