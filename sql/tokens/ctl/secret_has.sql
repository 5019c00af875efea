-- Whether a token's secret is kept.
SELECT 1 FROM secret WHERE sign_in_token_id = :id
