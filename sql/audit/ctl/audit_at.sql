-- When a row was written.
SELECT at FROM audit WHERE seq = :seq
