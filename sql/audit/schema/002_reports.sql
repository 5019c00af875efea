-- The reports: views for whoever reads audit.db, and what they need to be quick. The same for
-- a period prints clerk-tokenctl report NAME. Times are UTC text as in the tables.
-- requested_by is what the script stated, nobody has proven it.

-- Attempts whose effect nobody knows are few, and looked for.
CREATE INDEX job_unknown ON job (id) WHERE unknown_attempts > 0;

-- How many tokens there are, by Clerk's last word and the hour in which they expire.
CREATE TABLE token_tally (
  status      TEXT NOT NULL,                -- as in sign_in_token
  expiry_hour TEXT NOT NULL,                -- pending: 'YYYY-MM-DD HH' of expires_at; '' of the others
  tokens      INTEGER NOT NULL,
  PRIMARY KEY (status, expiry_hour)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER token_tally_insert AFTER INSERT ON sign_in_token
BEGIN
  INSERT INTO token_tally (status, expiry_hour, tokens)
  VALUES (NEW.status,
    CASE WHEN NEW.status = 'pending' THEN coalesce(substr(NEW.expires_at, 1, 13), '') ELSE '' END,
    1)
  ON CONFLICT (status, expiry_hour) DO UPDATE SET tokens = tokens + 1;
END;

CREATE TRIGGER token_tally_update AFTER UPDATE OF status, expires_at ON sign_in_token
WHEN NEW.status <> OLD.status OR NEW.expires_at IS NOT OLD.expires_at
BEGIN
  UPDATE token_tally SET tokens = tokens - 1
  WHERE status = OLD.status AND expiry_hour =
    CASE WHEN OLD.status = 'pending' THEN coalesce(substr(OLD.expires_at, 1, 13), '') ELSE '' END;
  INSERT INTO token_tally (status, expiry_hour, tokens)
  VALUES (NEW.status,
    CASE WHEN NEW.status = 'pending' THEN coalesce(substr(NEW.expires_at, 1, 13), '') ELSE '' END,
    1)
  ON CONFLICT (status, expiry_hour) DO UPDATE SET tokens = tokens + 1;
END;

-- The tokens there were before.
INSERT INTO token_tally (status, expiry_hour, tokens)
SELECT status,
  CASE WHEN status = 'pending' THEN coalesce(substr(expires_at, 1, 13), '') ELSE '' END AS hour,
  count(*)
FROM sign_in_token GROUP BY status, hour;

-- The tokens that may be live: found by their index, so at once where they are few. What is
-- pending was made by us, and has a time at which it expires.
CREATE VIEW live_token AS
SELECT rowid AS entry, id, user_id, create_job_id, created_at_ms, expires_at
FROM sign_in_token
WHERE status = 'pending' AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now');

-- ---- summary ----

-- Its lines, those of history once for each day that has them, to be added up.
CREATE VIEW report_line AS
WITH named (line, part, what, kind, word, note) AS (VALUES
  (1, 'jobs', 'accepted', 'event', 'accepted', NULL),
  (2, 'jobs', 'rejected', 'event', 'rejected', NULL),
  (3, 'jobs', 'succeeded', 'state', 'succeeded', NULL),
  (4, 'jobs', 'failed', 'state', 'failed', 'each time: a retried job ends again'),
  (5, 'jobs', 'cancelled', 'state', 'cancelled', 'each time: a retried job ends again'),
  (6, 'jobs', 'lapsed', 'state', 'lapsed', NULL),
  (7, 'jobs', 'retried', 'event', 'retried', 'after an end that is counted above'),
  (8, 'requests', 'sent', 'event', 'sent', NULL),
  (9, 'effects', 'applied', 'effect', 'applied', NULL),
  (10, 'effects', 'none', 'effect', 'none', NULL),
  (11, 'effects', 'unknown', 'effect', 'unknown', NULL))
SELECT
  NULL AS day,                              -- 'YYYY-MM-DD'; NULL = of no day: a line's zero, and what is now
  line,                                     -- its place in the report
  part, what,                               -- its name
  0 AS creates, 0 AS revokes, 0 AS total,
  note
FROM named
UNION ALL
SELECT d.day, l.line, l.part, l.what, iif(d.action = 'create', d.n, 0),
  iif(d.action = 'revoke', d.n, 0), d.n, NULL
FROM daily d CROSS JOIN named l ON l.kind = d.kind AND l.word = d.word
WHERE d.kind IN ('event', 'state', 'effect')
UNION ALL
SELECT day, CAST(word AS INTEGER), 'answers', word, iif(action = 'create', n, 0),
  iif(action = 'revoke', n, 0), n, NULL
FROM daily WHERE kind = 'http'
UNION ALL
-- Those that expire within this hour are looked at one by one.
SELECT NULL, 1001, 'tokens now', 'may be live', NULL, NULL,
  (SELECT coalesce(sum(tokens), 0) FROM token_tally
   WHERE status = 'pending' AND expiry_hour > strftime('%Y-%m-%d %H', 'now'))
  + (SELECT count(*) FROM sign_in_token INDEXED BY sign_in_token_pending
     WHERE status = 'pending' AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
       AND expires_at < strftime('%Y-%m-%d %H:~', 'now')),
  'their secrets sign in until they are used, revoked or expired'
UNION ALL
SELECT NULL, 1002, 'tokens now', 'used', NULL, NULL,
  (SELECT coalesce(sum(tokens), 0) FROM token_tally WHERE status = 'accepted'),
  'known from revokes that came too late'
UNION ALL
SELECT NULL, 1003, 'tokens now', 'revoked', NULL, NULL,
  (SELECT coalesce(sum(tokens), 0) FROM token_tally WHERE status = 'revoked'), NULL
UNION ALL
SELECT NULL, 1004, 'tokens now', 'expired, use not known', NULL, NULL,
  (SELECT coalesce(sum(tokens), 0) FROM token_tally
   WHERE status = 'pending' AND expiry_hour <= strftime('%Y-%m-%d %H', 'now'))
  - (SELECT count(*) FROM sign_in_token INDEXED BY sign_in_token_pending
     WHERE status = 'pending' AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
       AND expires_at < strftime('%Y-%m-%d %H:~', 'now')),
  NULL
UNION ALL
SELECT NULL, 1100, 'jobs now', 'queued', coalesce(sum(iif(action = 'create', jobs, 0)), 0),
  coalesce(sum(iif(action = 'revoke', jobs, 0)), 0), coalesce(sum(jobs), 0), NULL
FROM tally WHERE state = 'queued'
UNION ALL
SELECT NULL, 1101, 'jobs now', 'running', coalesce(sum(iif(action = 'create', jobs, 0)), 0),
  coalesce(sum(iif(action = 'revoke', jobs, 0)), 0), coalesce(sum(jobs), 0), NULL
FROM tally WHERE state = 'running'
UNION ALL
SELECT NULL, 1200, 'sending now', 'held: ' || kind, NULL, NULL, NULL,
  'since ' || since_at || ': ' || reason || '; ends with: ' || ends
FROM hold
UNION ALL
SELECT NULL, 1201, 'sending now',
  'paused: ' || coalesce(p.action || 's', 'everything') || coalesce(' of batch ' || p.batch, ''),
  NULL, NULL, NULL,
  'since ' || p.since_at || ', until ' || coalesce(p.until, 'resumed')
    || coalesce(', requested by (as stated): ' || nullif(c.requested_by, ''), '')
    || coalesce(': ' || c.reason, '')
FROM pause p LEFT JOIN command c ON c.id = p.command_id;

-- What was asked for, what came of it, and how things stand now.
CREATE VIEW report_summary AS
SELECT
  part,                                     -- jobs · requests · effects (what attempts did at Clerk's) · answers · … now
  what,                                     -- what of it is counted; answers: the HTTP status
  sum(creates) AS creates,                  -- of creates; NULL where that makes no sense
  sum(revokes) AS revokes,                  -- of revokes
  sum(total) AS total,                      -- of both, and of rejected rows without a readable action
  max(note) AS note
FROM report_line GROUP BY line, part, what ORDER BY line, what;

-- ---- daily, latency ----

-- A row a day on which something happened. Times as in report_latency, of both actions.
CREATE VIEW report_daily AS
WITH bucket (day, ms, n) AS (
  SELECT day, CAST(word AS INTEGER), n FROM daily WHERE kind = 'latency'),
ranked (day, ms, n, upto, total) AS (
  SELECT day, ms, n,
    sum(n) OVER (PARTITION BY day ORDER BY ms ROWS UNBOUNDED PRECEDING),
    sum(n) OVER (PARTITION BY day ORDER BY ms
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  FROM bucket),
percentile (day, p50_ms, p95_ms) AS (
  SELECT day, min(ms) FILTER (WHERE upto * 2 >= total),
    min(ms) FILTER (WHERE upto * 20 >= total * 19)
  FROM ranked
  -- Only where a percentile is passed; the rest would be sorted for nothing.
  WHERE (upto - n) * 2 < total AND upto * 2 >= total
    OR (upto - n) * 20 < total * 19 AND upto * 20 >= total * 19
  GROUP BY day)
SELECT
  d.day,                                    -- UTC
  sum(iif(d.kind = 'event' AND d.word = 'accepted', d.n, 0)) AS accepted,
  sum(iif(d.kind = 'state' AND d.word = 'succeeded' AND d.action = 'create', d.n, 0)) AS created,
  sum(iif(d.kind = 'state' AND d.word = 'succeeded' AND d.action = 'revoke', d.n, 0)) AS revoked,
                                            -- revokes that succeeded, also of tokens revoked before
  sum(iif(d.kind = 'state' AND d.word = 'failed', d.n, 0)) AS failed,
  sum(iif(d.kind = 'state' AND d.word = 'cancelled', d.n, 0)) AS cancelled,
  sum(iif(d.kind = 'state' AND d.word = 'lapsed', d.n, 0)) AS lapsed,
  sum(iif(d.kind = 'event' AND d.word = 'rejected', d.n, 0)) AS rejected,
  sum(iif(d.kind = 'event' AND d.word = 'sent', d.n, 0)) AS requests,
  sum(iif(d.kind = 'effect' AND d.word = 'unknown', d.n, 0)) AS unknown,
                                            -- requests whose effect nobody knows
  sum(iif(d.kind = 'http' AND d.word = '429', d.n, 0)) AS rate_limited,
                                            -- answers of 429
  p.p50_ms,                                 -- half of the requests took at most so long
  p.p95_ms
FROM daily d LEFT JOIN percentile p ON p.day = d.day
GROUP BY d.day ORDER BY d.day;

-- How long requests took, from their start to the end of the answer (or until it was given
-- up), a row a day and an action. Percentiles by nearest rank, rounded up to two digits as
-- daily keeps them.
CREATE VIEW report_latency AS
WITH bucket (day, action, ms, n) AS (
  SELECT day, action, CAST(word AS INTEGER), n FROM daily WHERE kind = 'latency' AND action <> ''),
ranked (day, action, ms, n, upto, total) AS (
  SELECT day, action, ms, n,
    sum(n) OVER (PARTITION BY day, action ORDER BY ms ROWS UNBOUNDED PRECEDING),
    sum(n) OVER (PARTITION BY day, action ORDER BY ms
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  FROM bucket)
SELECT
  day,                                      -- UTC
  action,                                   -- create | revoke
  max(total) AS requests,                   -- so many times were measured
  min(ms) FILTER (WHERE upto * 2 >= total) AS p50_ms, -- half of them took at most so long
  min(ms) FILTER (WHERE upto * 10 >= total * 9) AS p90_ms,
  min(ms) FILTER (WHERE upto * 20 >= total * 19) AS p95_ms,
  min(ms) FILTER (WHERE upto * 100 >= total * 99) AS p99_ms,
  max(ms) AS max_ms
FROM ranked
-- Only where a percentile is passed; the rest would be sorted for nothing.
WHERE (upto - n) * 2 < total AND upto * 2 >= total
  OR (upto - n) * 10 < total * 9 AND upto * 10 >= total * 9
  OR (upto - n) * 20 < total * 19 AND upto * 20 >= total * 19
  OR (upto - n) * 100 < total * 99 AND upto * 100 >= total * 99
  OR upto = total
GROUP BY day, action ORDER BY day, action;

-- ---- batches, users, requesters: jobs by when they were accepted or rejected ----

CREATE VIEW report_batches AS
SELECT
  g.batch,
  g.requested_by,                           -- as stated
  coalesce(b.reason, g.reason) AS reason,
  g.jobs, g.creates, g.revokes,
  g.queued, g.running, g.succeeded, g.failed, g.cancelled, g.lapsed, g.rejected, -- their states now
  g.unknown_attempts,                       -- requests whose effect nobody knows
  coalesce(l.tokens, 0) AS live_tokens,     -- made by these jobs, may be live
  g.first_at, g.last_at,                    -- when the first and the last were taken
  g.finished_at                             -- when the last of those that are final ended
FROM (
  SELECT j.batch,
    CASE WHEN min(j.requested_by) = max(j.requested_by) THEN max(j.requested_by)
      ELSE max(j.requested_by) || ' and others' END AS requested_by,
    CASE WHEN min(j.reason) = max(j.reason) THEN max(j.reason)
      ELSE max(j.reason) || ' and others' END AS reason,
    count(*) AS jobs, sum(j.action IS 'create') AS creates, sum(j.action IS 'revoke') AS revokes,
    sum(j.state = 'queued') AS queued, sum(j.state = 'running') AS running,
    sum(j.state = 'succeeded') AS succeeded, sum(j.state = 'failed') AS failed,
    sum(j.state = 'cancelled') AS cancelled, sum(j.state = 'lapsed') AS lapsed,
    sum(j.state = 'rejected') AS rejected, sum(j.unknown_attempts) AS unknown_attempts,
    min(j.accepted_at) AS first_at, max(j.accepted_at) AS last_at,
    max(j.finished_at) AS finished_at
  FROM job j WHERE j.batch IS NOT NULL GROUP BY j.batch
) g
LEFT JOIN batch b ON b.name = g.batch
LEFT JOIN (
  SELECT c.batch, count(*) AS tokens FROM live_token t JOIN job c ON c.id = t.create_job_id
  WHERE c.batch IS NOT NULL GROUP BY c.batch
) l ON l.batch = g.batch
ORDER BY g.last_at DESC, g.batch;

CREATE VIEW report_users AS
WITH asked AS (
  SELECT user_id, count(*) AS creates, sum(finished_at IS NULL) AS open,
    sum(state = 'succeeded') AS succeeded, sum(state = 'failed') AS failed,
    sum(unknown_attempts) AS unknown_attempts,
    min(accepted_at) AS first_at, max(accepted_at) AS last_at
  FROM job WHERE user_id IS NOT NULL GROUP BY user_id),
made AS MATERIALIZED (
  SELECT user_id, count(*) AS tokens,
    sum(status = 'pending' AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')) AS live,
    sum(status = 'accepted') AS used, sum(status = 'revoked') AS revoked
  FROM sign_in_token WHERE user_id IS NOT NULL GROUP BY user_id)
SELECT
  a.user_id,
  a.creates,                                -- jobs that ask for a token for the user
  a.open, a.succeeded, a.failed,            -- of them those not final, succeeded, failed now
  a.unknown_attempts,                       -- requests whose effect nobody knows
  coalesce(m.tokens, 0) AS tokens,          -- that Clerk named for the user
  coalesce(m.live, 0) AS live_tokens,       -- of them those that may be live now
  coalesce(m.used, 0) AS used, coalesce(m.revoked, 0) AS revoked,
  coalesce(m.tokens - m.live - m.used - m.revoked, 0) AS expired, -- and nobody knows whether used
  a.first_at, a.last_at                     -- when the first and the last job was taken
FROM asked a LEFT JOIN made m ON m.user_id = a.user_id
UNION ALL
-- Of whom a revoke told.
SELECT m.user_id, 0, 0, 0, 0, 0, m.tokens, m.live, m.used, m.revoked,
  m.tokens - m.live - m.used - m.revoked, NULL, NULL
FROM made m WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.user_id = m.user_id)
ORDER BY creates DESC, user_id;

CREATE VIEW report_requesters AS
SELECT
  g.requested_by,                           -- as stated; '' = nobody was
  g.jobs, g.creates, g.revokes,
  g.queued, g.running, g.succeeded, g.failed, g.cancelled, g.lapsed, g.rejected, -- their states now
  g.unknown_attempts,                       -- requests whose effect nobody knows
  coalesce(l.tokens, 0) AS live_tokens,     -- made by these jobs, may be live
  g.first_at, g.last_at                     -- when the first and the last were taken
FROM (
  SELECT j.requested_by, count(*) AS jobs, sum(j.action IS 'create') AS creates,
    sum(j.action IS 'revoke') AS revokes,
    sum(j.state = 'queued') AS queued, sum(j.state = 'running') AS running,
    sum(j.state = 'succeeded') AS succeeded, sum(j.state = 'failed') AS failed,
    sum(j.state = 'cancelled') AS cancelled, sum(j.state = 'lapsed') AS lapsed,
    sum(j.state = 'rejected') AS rejected, sum(j.unknown_attempts) AS unknown_attempts,
    min(j.accepted_at) AS first_at, max(j.accepted_at) AS last_at
  FROM job j GROUP BY j.requested_by
) g
LEFT JOIN (
  SELECT c.requested_by, count(*) AS tokens
  FROM live_token t JOIN job c ON c.id = t.create_job_id GROUP BY c.requested_by
) l ON l.requested_by = g.requested_by
ORDER BY g.jobs DESC, g.requested_by;

-- ---- tokens ----

-- The register: every token that Clerk named, in the order in which it was heard of.
CREATE VIEW report_tokens AS
SELECT
  t.rowid AS entry,                         -- 1, 2, 3 … without a gap: what to draw a sample by
  t.id AS sign_in_token_id,
  CASE
    WHEN t.status = 'accepted' THEN 'used'
    WHEN t.status = 'revoked' THEN 'revoked'
    WHEN t.expires_at IS NOT NULL AND t.expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
      THEN 'expired, use not known'
    ELSE 'may be live'
  END AS life,
  t.user_id,                                -- whom it signs in
  t.org_id,
  strftime('%Y-%m-%d %H:%M:%f', t.created_at_ms / 1000.0, 'unixepoch') AS created_at,
  t.expires_at,                             -- NULL = not made by us, or nobody knows
  t.status,                                 -- Clerk's last word: pending accepted revoked
  t.status_at, t.status_from,               -- when and by what we heard it: create revoke revoke_error
  c.requested_by,                           -- as stated: who asked for it; NULL = not made by us
  c.reason,                                 -- why
  c.reference, c.batch,
  t.create_job_id,                          -- the job that made it
  t.revoke_job_id,                          -- the job whose revoke did it, or first heard that it was done
  r.requested_by AS revoke_requested_by,    -- as stated: who asked for the revoke
  r.reason AS revoke_reason,                -- why
  t.token_sha256,                           -- of the secret, so that a found one can be traced
  t.purged_at                               -- when the secret was removed here
FROM sign_in_token t
LEFT JOIN job c ON c.id = t.create_job_id
LEFT JOIN job r ON r.id = t.revoke_job_id;

-- ---- failures ----

-- What failed for what reason, and is still failed; by when it did.
CREATE VIEW report_failures AS
SELECT
  result, action, http_status, error_code,
  count(*) AS jobs,
  id AS example_job,                        -- the last of them
  max(finished_at) AS last_at,              -- when that one failed
  error_message,                            -- its last error
  CASE result
    WHEN 'already_used' THEN 'somebody signed in with it; the session lives on'
    WHEN 'not_found' THEN 'Clerk knows no such user or token'
    WHEN 'invalid' THEN 'the row or the request does not hold'
    WHEN 'refused' THEN 'Clerk does not allow it'
    WHEN 'outcome_unknown' THEN 'no attempt brought a usable answer; a token may exist'
    WHEN 'gave_up' THEN 'too many attempts or too old; the last error is kept'
  END AS meaning
FROM job INDEXED BY job_failed WHERE state = 'failed'
GROUP BY result, action, http_status, error_code
ORDER BY jobs DESC, result, action, http_status, error_code;

-- ---- unknown ----

-- Each attempt whose effect nobody knows, with what finds it in Clerk's dashboard and logs,
-- and with what became of its job.
CREATE VIEW report_unknown AS
SELECT
  a.seq,                                    -- the row of audit that says so
  (SELECT s.at FROM audit s
   WHERE s.job_id = a.job_id AND s.seq < a.seq AND s.event = 'sent'
   ORDER BY s.seq DESC LIMIT 1) AS sent_at, -- Clerk got it, if at all, between sent_at …
  a.at,                                     -- … and then, when it was given up
  a.action,
  coalesce(a.user_id, t.user_id) AS user_id,
  iif(a.action = 'revoke', a.sign_in_token_id, NULL) AS sign_in_token_id, -- the token to revoke
  a.job_id, a.attempt,
  a.trace_id,                               -- Clerk's; NULL = no answer came
  a.event,                                  -- answered unanswered interrupted
  a.http_status, a.error_code, a.error_message,
  j.requested_by,                           -- as stated
  j.reason, j.reference, j.batch,
  j.state AS job_state,                     -- what became of the job: now
  j.result AS job_result,
  iif(a.action = 'create', j.sign_in_token_id, NULL) AS made_token_id, -- the token that a later attempt made
  j.finished_at AS job_finished_at,
  -- Until then a token may be live that nobody holds; NULL = none may be.
  iif(a.action = 'create',
    strftime('%Y-%m-%d %H:%M:%f', a.at,
      '+' || min(coalesce(j.expires_in_seconds, 2592000), 250000000000) || ' seconds'),
    NULL) AS may_be_live_until
FROM job j INDEXED BY job_unknown CROSS JOIN audit a INDEXED BY audit_job
LEFT JOIN sign_in_token t ON a.action = 'revoke' AND t.id = a.sign_in_token_id
WHERE j.unknown_attempts > 0 AND a.job_id = j.id AND a.effect = 'unknown'
ORDER BY a.seq;

-- ---- outstanding ----

-- The tokens that may be live, those that expire soonest first.
CREATE VIEW report_outstanding AS
SELECT
  t.entry,                                  -- of report_tokens
  t.id AS sign_in_token_id, t.user_id,
  strftime('%Y-%m-%d %H:%M:%f', t.created_at_ms / 1000.0, 'unixepoch') AS created_at,
  t.expires_at,
  CAST(strftime('%s', 'now') AS INTEGER) - t.created_at_ms / 1000 AS age_s,
  CAST(strftime('%s', t.expires_at) AS INTEGER) - CAST(strftime('%s', 'now') AS INTEGER) AS left_s,
  c.requested_by,                           -- as stated
  c.reason, c.reference, c.batch, t.create_job_id,
  r.id AS revoke_job_id,                    -- the last job that asks for its revoke …
  r.state AS revoke_state,
  r.result AS revoke_result
FROM live_token t
LEFT JOIN job c ON c.id = t.create_job_id
LEFT JOIN job r ON r.id = (
  SELECT max(k.id) FROM job k INDEXED BY job_token
  WHERE k.action = 'revoke' AND k.sign_in_token_id = t.id)
ORDER BY t.expires_at, t.entry;

-- The same counted: by age, by time left, and what is not even known.
CREATE VIEW report_outstanding_buckets AS
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
  FROM live_token),
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
  WHERE may_be_live_until > strftime('%Y-%m-%d %H:%M:%f', 'now'))
SELECT
  n.kind,                                   -- age · expires · not known
  n.bucket,
  coalesce(c.tokens, 0) AS tokens           -- not known: attempts that may have made one that nobody holds
FROM named n LEFT JOIN counted c ON c.line = n.line ORDER BY n.line;
