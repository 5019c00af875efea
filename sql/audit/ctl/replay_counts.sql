-- How many commands have ended, and how many tokens lost their secret.
SELECT (SELECT count(*) FROM command WHERE state <> 'running'),
  (SELECT count(*) FROM sign_in_token WHERE purged_at IS NOT NULL)
