-- report_outstanding_buckets of what was made in a period; NULL = any.
WITH named (line, kind, bucket) AS (VALUES
  (1, 'age', 'up to an hour'), (2, 'age', 'up to a day'), (3, 'age', 'up to a week'),
  (4, 'age', 'up to 30 days'), (5, 'age', 'older'),
  (11, 'expires', 'within an hour'), (12, 'expires', 'within a day'),
  (13, 'expires', 'within a week'), (14, 'expires', 'within 30 days'),
  (15, 'expires', 'later'),
  (21, 'not known', 'creates of unknown effect')),
live (age_s, left_s) AS MATERIALIZED (
  SELECT CAST(strftime('%s', 'now') AS INTEGER) - created_at_ms / 1000,
    CAST(strftime('%s', expires_at) AS INTEGER) - CAST(strftime('%s', 'now') AS INTEGER)
  FROM live_token
  WHERE (:since IS NULL
      OR strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch') >= :since)
    AND (:until IS NULL
      OR strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch') < :until)),
counted (line, tokens) AS (
  SELECT CASE WHEN age_s < 3600 THEN 1 WHEN age_s < 86400 THEN 2 WHEN age_s < 604800 THEN 3
    WHEN age_s < 2592000 THEN 4 ELSE 5 END AS line, count(*)
  FROM live GROUP BY 1
  UNION ALL
  SELECT CASE WHEN left_s < 3600 THEN 11 WHEN left_s < 86400 THEN 12 WHEN left_s < 604800 THEN 13
    WHEN left_s < 2592000 THEN 14 ELSE 15 END, count(*)
  FROM live GROUP BY 1
  UNION ALL
  SELECT 21, count(*) FROM report_unknown
  WHERE may_be_live_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
    AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until))
SELECT
  n.kind,
  n.bucket,
  coalesce(c.tokens, 0) AS tokens
FROM named n LEFT JOIN counted c ON c.line = n.line ORDER BY n.line
