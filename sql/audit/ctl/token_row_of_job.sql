-- The token that a job is about.
SELECT t.rowid FROM job j JOIN sign_in_token t ON t.id = j.sign_in_token_id WHERE j.id = :id
