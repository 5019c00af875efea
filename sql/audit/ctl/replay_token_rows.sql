-- Rows of sign_in_token from one on.
SELECT rowid FROM sign_in_token WHERE rowid >= :from ORDER BY rowid LIMIT :limit
