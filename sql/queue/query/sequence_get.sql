-- The last id that AUTOINCREMENT gave out.
SELECT seq FROM sqlite_sequence WHERE name = :table_name;
