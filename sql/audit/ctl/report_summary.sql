-- report_summary of some days; NULL = any.
SELECT part, what, sum(creates) AS creates, sum(revokes) AS revokes, sum(total) AS total,
  max(note) AS note
FROM report_line
WHERE day IS NULL
  OR ((:since IS NULL OR day >= substr(:since, 1, 10))
    AND (:until IS NULL OR day < substr(:until, 1, 10)))
GROUP BY line, part, what ORDER BY line, what
