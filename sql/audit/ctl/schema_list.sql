-- Everything that the schema defines, but what SQLite makes for itself: the name alone could be
-- anybody's. With what the values are and how long: what stands behind a NUL is part of them, and
-- a blob is no text.
SELECT type, name, tbl_name, sql,
  typeof(type) || length(CAST(type AS BLOB)) || ' ' || typeof(name) || length(CAST(name AS BLOB))
    || ' ' || typeof(tbl_name) || length(CAST(tbl_name AS BLOB)) || ' ' || typeof(sql)
    || coalesce(length(CAST(sql AS BLOB)), '') AS stored_as
FROM sqlite_schema
WHERE NOT (type = 'index' AND sql IS NULL AND name LIKE 'sqlite\_autoindex\_%' ESCAPE '\')
ORDER BY name
