-- The last id that counts as given out, in a new file.
INSERT INTO sqlite_sequence (name, seq) VALUES (:table_name, :seq);
