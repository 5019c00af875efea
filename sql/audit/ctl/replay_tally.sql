-- Where the counts differ from the jobs: action, state, count kept, jobs there are.
SELECT action, state, sum(kept), sum(there) FROM (
  SELECT action, state, jobs AS kept, 0 AS there FROM tally
  UNION ALL
  SELECT coalesce(action, ''), state, 0, count(*) FROM job GROUP BY 1, 2
)
GROUP BY action, state HAVING sum(kept) <> sum(there)
