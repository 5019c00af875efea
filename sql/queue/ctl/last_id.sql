-- The last id that a table gave out; no row = none yet.
SELECT seq FROM sqlite_sequence WHERE name = :name
