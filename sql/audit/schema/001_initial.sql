-- audit.db: what happened. Written by the daemon alone, read by auditors and submitters.
-- Every column ending in _at, and until, not_before, not_after, is UTC text
-- 'YYYY-MM-DD HH:MM:SS.SSS'; _ms columns are Clerk's integer milliseconds since 1970.

-- One row per event, in order; append-only and chained by hash (doc/audit-chain.md).
CREATE TABLE audit (
  seq                 INTEGER PRIMARY KEY,  -- 1, 2, 3 … without a gap
  at                  TEXT NOT NULL,        -- when the turn that wrote it began
  event               TEXT NOT NULL,        -- started reloaded stopped accepted rejected commanded sent answered unanswered interrupted recovered cancelled lapsed retried held released purged
  job_id              INTEGER,              -- which job; the id that queue.db gave it
  command_id          INTEGER,              -- which operator command made it happen
  attempt             INTEGER,              -- which attempt of the job, 1 …
  job_state           TEXT,                 -- the job's state after the event
  action              TEXT,                 -- create | revoke
  user_id             TEXT,                 -- whom the token signs in (user_…)
  org_id              TEXT,                 -- the organization to activate (org_…)
  sign_in_token_id    TEXT,                 -- the token (sit_…)
  token_status        TEXT,                 -- Clerk's word: pending accepted revoked
  token_created_at_ms INTEGER,              -- as Clerk returned it
  token_updated_at_ms INTEGER,              -- as Clerk returned it
  token_expires_at    TEXT,                 -- created_at plus the lifetime that was asked for
  token_sha256        TEXT,                 -- SHA-256 of the secret, lower-case hex
  http_status         INTEGER,              -- of the reply
  error_code          TEXT,                 -- Clerk's code, or the transport's
  error_message       TEXT,                 -- one redacted line
  trace_id            TEXT,                 -- Clerk's, for its support and dashboard
  effect              TEXT,                 -- what the attempt did at Clerk's: applied none unknown
  duration_ms         INTEGER,              -- from the start of the request to the end of the answer
  next_attempt_at     TEXT,                 -- when the job is due again
  batch               TEXT,                 -- as in the request, like the next three
  reference           TEXT,
  requested_by        TEXT,                 -- as stated by whoever inserted the row
  reason              TEXT,
  detail              TEXT,                 -- JSON; accepted, rejected: the whole row of the queue
  hash                TEXT NOT NULL         -- lower-case hex SHA-256 over the previous hash and this row
) STRICT;

CREATE INDEX audit_job ON audit (job_id, seq);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- INSERT OR REPLACE fires neither of the two above.
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- One row per job: its request and its state now, as the audit tells it.
CREATE TABLE job (
  id                 INTEGER PRIMARY KEY,   -- the id in queue.db
  action             TEXT,                  -- create | revoke; NULL only where rejected
  user_id            TEXT,
  org_id             TEXT,
  expires_in_seconds INTEGER,               -- as asked for or by policy; NULL = Clerk's 2592000
  sign_in_token_id   TEXT,                  -- revoke: which token; create: the one that was made
  batch              TEXT,
  priority           INTEGER NOT NULL,      -- effective, -100 … 100
  not_before         TEXT,
  not_after          TEXT,
  idempotency_key    TEXT,
  reference          TEXT,
  requested_by       TEXT NOT NULL,         -- as stated
  reason             TEXT,
  submitted_at       TEXT,                  -- as the queue had it
  state              TEXT NOT NULL,         -- queued running succeeded failed cancelled lapsed rejected
  result             TEXT,                  -- a stable word; NULL while not finished
  attempts           INTEGER NOT NULL DEFAULT 0, -- requests sent, all of them
  unknown_attempts   INTEGER NOT NULL DEFAULT 0, -- of them, those whose effect is unknown
  accepted_at        TEXT,                  -- when it was taken from the queue (accepted or rejected)
  due_at             TEXT,                  -- not sent before; NULL once final
  finished_at        TEXT,                  -- when it became final; NULL before
  http_status        INTEGER,               -- of the last reply
  error_code         TEXT,                  -- last error; NULL once succeeded
  error_message      TEXT,
  tries              INTEGER NOT NULL DEFAULT 0, -- attempts that count, since accepted or retried
  unknown_tries      INTEGER NOT NULL DEFAULT 0, -- of them, the unknown ones
  age_from           INTEGER NOT NULL DEFAULT -1, -- the action's sending clock (ms) at the first counted attempt; -1 = none
  parked             INTEGER NOT NULL DEFAULT 0  -- not sent: +1 its batch is paused, +2 it is the rest behind release_first
) STRICT;

CREATE INDEX job_due ON job (action, priority DESC, due_at, id) WHERE state = 'queued' AND parked = 0;
CREATE INDEX job_parked ON job (batch, action) WHERE state = 'queued' AND parked <> 0;
CREATE INDEX job_running ON job (id) WHERE state = 'running';
CREATE INDEX job_failed ON job (id) WHERE state = 'failed';
CREATE INDEX job_not_after ON job (not_after) WHERE state = 'queued' AND not_after IS NOT NULL;
-- Nothing was done for a rejected row, so it does not use its key up.
CREATE UNIQUE INDEX job_idempotency_key ON job (idempotency_key)
  WHERE idempotency_key IS NOT NULL AND state <> 'rejected';
CREATE INDEX job_user ON job (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX job_batch ON job (batch, state) WHERE batch IS NOT NULL;
-- Of revokes alone: sign_in_token says which create made a token, and Clerk's ids spread an
-- index over many pages a turn.
CREATE INDEX job_token ON job (sign_in_token_id)
  WHERE action = 'revoke' AND sign_in_token_id IS NOT NULL;
CREATE INDEX job_reference ON job (reference) WHERE reference IS NOT NULL;

-- One row per token that Clerk named.
CREATE TABLE sign_in_token (
  id            TEXT PRIMARY KEY,           -- sit_…
  status        TEXT NOT NULL,              -- Clerk's last word: pending accepted revoked
  status_at     TEXT NOT NULL,              -- when we heard it
  status_from   TEXT NOT NULL,              -- create | revoke (an answer) | revoke_error (a refusal)
  user_id       TEXT,                       -- NULL where only a refused revoke named it
  org_id        TEXT,                       -- as asked for
  created_at_ms INTEGER,
  updated_at_ms INTEGER,
  expires_at    TEXT,                       -- created_at plus the lifetime asked for; NULL = not made by us
  token_sha256  TEXT,                       -- SHA-256 of the secret; NULL where none came
  create_job_id INTEGER,                    -- the job that made it
  revoke_job_id INTEGER,                    -- the job whose revoke did it, or first heard that it was done
  purged_at     TEXT                        -- when its secret was removed from tokens.db
) STRICT;

CREATE INDEX sign_in_token_pending ON sign_in_token (expires_at) WHERE status = 'pending';

-- One row per operator command.
CREATE TABLE command (
  id           INTEGER PRIMARY KEY,         -- the id in queue.db
  verb         TEXT,                        -- cancel retry pause resume; NULL only where refused
  job_id       INTEGER,
  batch        TEXT,
  action       TEXT,
  until        TEXT,
  requested_by TEXT NOT NULL,
  reason       TEXT,
  taken_at     TEXT NOT NULL,
  finished_at  TEXT,                        -- NULL while running
  state        TEXT NOT NULL,               -- running (a large one, in steps) done refused
  affected     INTEGER NOT NULL DEFAULT 0,  -- jobs that it moved
  message      TEXT,                        -- what came of it, a sentence
  max_job_id   INTEGER NOT NULL DEFAULT 0,  -- it concerns jobs up to this id
  step_job_id  INTEGER NOT NULL DEFAULT 0,  -- and has worked through those up to this one
  still_create INTEGER NOT NULL DEFAULT 0,  -- resume: ms of the sending clocks that the pause took
  still_revoke INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX command_running ON command (id) WHERE state = 'running';

-- Batches that have a row in queue.batch: a canary, a limit on failures.
CREATE TABLE batch (
  id            INTEGER PRIMARY KEY,        -- 1, 2 … as they were met
  name          TEXT NOT NULL UNIQUE,
  release_first INTEGER NOT NULL,           -- so many run, the rest waits for resume; -1 = all
  max_failures  INTEGER NOT NULL,           -- what is left is cancelled once so many failed; 0 = never
  requested_by  TEXT NOT NULL,              -- as stated
  reason        TEXT,
  taken_at      TEXT NOT NULL,
  taken         INTEGER NOT NULL DEFAULT 0, -- jobs accepted
  failed        INTEGER NOT NULL DEFAULT 0, -- times one of them ended failed
  held          INTEGER NOT NULL DEFAULT 0, -- 1: the rest was paused once; resume ends that for good
  stopped       INTEGER NOT NULL DEFAULT 0  -- 1: max_failures was reached; jobs that come later are cancelled
) STRICT;

-- What is paused now by an operator; no row = nothing.
CREATE TABLE pause (
  command_id   INTEGER PRIMARY KEY,         -- the command that paused it; negative: the daemon itself
  action       TEXT,                        -- NULL = both
  batch        TEXT,                        -- NULL = everything
  until        TEXT,                        -- resumes by itself then; NULL = until resumed
  since_at     TEXT NOT NULL,
  clock_create INTEGER NOT NULL,            -- the sending clocks (ms) when it began: a paused job does not age
  clock_revoke INTEGER NOT NULL
) STRICT;

-- What holds sending as a whole now; no row = nothing.
CREATE TABLE hold (
  kind     TEXT PRIMARY KEY,                -- audit disk credentials maintenance outage queue
  since_at TEXT NOT NULL,
  reason   TEXT NOT NULL,                   -- what was seen
  ends     TEXT NOT NULL                    -- what ends it
) STRICT;

-- How many jobs there are, kept in the same transaction as the jobs.
CREATE TABLE tally (
  action TEXT NOT NULL,                     -- '' = rejected without a readable action
  state  TEXT NOT NULL,
  jobs   INTEGER NOT NULL,
  PRIMARY KEY (action, state)
) STRICT, WITHOUT ROWID;

-- What the rows of the audit add up to, a day and an action; kept in the same transaction as
-- they are, so that a report on years reads some hundred rows.
CREATE TABLE daily (
  day    TEXT NOT NULL,                     -- UTC, 'YYYY-MM-DD': of audit.at
  action TEXT NOT NULL,                     -- create | revoke; '' = rows without an action
  kind   TEXT NOT NULL,                     -- event | state | effect | http | latency: what is counted
  word   TEXT NOT NULL,                     -- audit.event; job_state; effect; http_status; duration_ms rounded up to two digits (1000000 = that or more)
  n      INTEGER NOT NULL,                  -- so many rows
  PRIMARY KEY (day, action, kind, word)
) STRICT, WITHOUT ROWID;

-- Where the daemon stands; one row.
CREATE TABLE progress (
  id               INTEGER PRIMARY KEY CHECK (id = 1),
  queue_job        INTEGER NOT NULL,        -- jobs of the queue taken up to here
  queue_urgent     INTEGER NOT NULL,        -- urgent ones up to here
  queue_command    INTEGER NOT NULL,        -- commands up to here
  retry_after_at   TEXT,                    -- nothing is sent before
  clock_create     INTEGER NOT NULL,        -- ms during which creates could be sent, ever
  clock_revoke     INTEGER NOT NULL,        -- the same of revokes
  key_kind         TEXT,                    -- live test unknown: of the last start's key
  purge_from_seq   INTEGER NOT NULL,        -- purged rows from here on may not have been carried out
  boot_id          TEXT,                    -- the boot during which the last turn was written
  boot_ms          INTEGER NOT NULL,        -- CLOCK_BOOTTIME of that turn
  wall_ms          INTEGER NOT NULL,        -- CLOCK_REALTIME of that turn
  step_ms          INTEGER NOT NULL,        -- by how much the wall clock was stepped in the last rate window: ages of rows may be wrong by so much
  step_boot_ms     INTEGER NOT NULL         -- CLOCK_BOOTTIME of the last such step
) STRICT;

INSERT INTO progress VALUES (1, 0, 0, 0, NULL, 0, 0, NULL, 1, NULL, 0, 0, 0, 0);

-- The tokens as people ask about them.
CREATE VIEW token AS
SELECT
  t.id,
  CASE
    WHEN t.status = 'accepted' THEN 'used'
    WHEN t.status = 'revoked' THEN 'revoked'
    WHEN t.expires_at IS NOT NULL AND t.expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
      THEN 'expired, use not known'
    ELSE 'may be live'
  END AS life,
  t.status, t.status_at, t.status_from, t.user_id, t.org_id,
  strftime('%Y-%m-%d %H:%M:%f', t.created_at_ms / 1000.0, 'unixepoch') AS created_at,
  t.expires_at, t.token_sha256, t.create_job_id, t.revoke_job_id, t.purged_at,
  j.batch, j.reference, j.requested_by, j.reason
FROM sign_in_token t LEFT JOIN job j ON j.id = t.create_job_id;
