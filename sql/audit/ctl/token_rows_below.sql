-- Tokens, newest first, below one.
SELECT rowid FROM sign_in_token WHERE rowid < :before ORDER BY rowid DESC LIMIT :limit
