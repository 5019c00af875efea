-- The hash of one row.
SELECT hash FROM audit WHERE seq = :seq
