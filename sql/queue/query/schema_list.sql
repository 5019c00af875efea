-- Everything that the schema holds, in the order in which it was made.
SELECT type, name, tbl_name, sql
FROM sqlite_schema
ORDER BY rowid;
