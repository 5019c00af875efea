-- Everything that the schema defines, but what SQLite makes for itself: the name alone could be
-- anybody's.
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE NOT (type = 'index' AND sql IS NULL AND name LIKE 'sqlite\_autoindex\_%' ESCAPE '\')
ORDER BY name
