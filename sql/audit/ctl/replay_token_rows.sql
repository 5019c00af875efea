-- Rows of sign_in_token behind one.
SELECT rowid FROM sign_in_token WHERE rowid > :after ORDER BY rowid LIMIT :limit
