-- The tokens of a user, those too that were not made here: no job names their user, so all are
-- looked through.
SELECT rowid FROM sign_in_token WHERE user_id = :user_id
