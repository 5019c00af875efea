-- Secrets of tokens that have expired.
SELECT sign_in_token_id FROM secret WHERE expires_at <= :now ORDER BY expires_at LIMIT :max
