-- Everything that the schema defines, but what SQLite makes for itself.
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE name NOT LIKE 'sqlite\_autoindex\_%' ESCAPE '\' ORDER BY name
