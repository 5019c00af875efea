-- report_daily of some days; NULL = any.
SELECT day, accepted, created, revoked, failed, cancelled, lapsed, rejected, requests,
  unknown, rate_limited, p50_ms, p95_ms
FROM report_daily
WHERE (:since IS NULL OR day >= substr(:since, 1, 10))
  AND (:until IS NULL OR day < substr(:until, 1, 10))
ORDER BY day
