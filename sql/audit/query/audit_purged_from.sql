-- Tokens whose secrets the audit says are gone, from one row on.
SELECT sign_in_token_id FROM audit
WHERE seq >= :seq AND event = 'purged' AND sign_in_token_id IS NOT NULL ORDER BY seq
