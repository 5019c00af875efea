-- Where the counts of tokens differ from the tokens: status, hour, count kept, tokens there are.
SELECT status, expiry_hour, sum(kept), sum(there) FROM (
  SELECT status, expiry_hour, tokens AS kept, 0 AS there FROM token_tally
  UNION ALL
  SELECT status, iif(status = 'pending', coalesce(substr(expires_at, 1, 13), ''), ''), 0, count(*)
  FROM sign_in_token GROUP BY 1, 2
)
GROUP BY status, expiry_hour HAVING sum(kept) <> sum(there)
