-- report_latency of some days; NULL = any.
SELECT day, action, requests, p50_ms, p90_ms, p95_ms, p99_ms, max_ms
FROM report_latency
WHERE (:since IS NULL OR day >= substr(:since, 1, 10))
  AND (:until IS NULL OR day < substr(:until, 1, 10))
ORDER BY day, action
