-- A secret goes.
DELETE FROM secret WHERE sign_in_token_id = :id
