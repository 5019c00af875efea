-- queue.db: what admin scripts ask for. Scripts insert; the daemon reads, checks every row
-- again and sweeps what it took. What a constraint's name says is what a script is told.
-- Times are UTC text, 'YYYY-MM-DD HH:MM[:SS]' (what datetime() prints) or '…T…Z'.
-- Lengths are counted in bytes.

-- One row per request: create or revoke one sign-in token. Its id is the job's id in all
-- three databases for ever. The guard rails behind the tables keep honest scripts from
-- changing a row that may have been taken.
CREATE TABLE job (
  id                 INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the queue, 1 … 999999999999
  action             TEXT NOT NULL,      -- 'create' | 'revoke'
  user_id            TEXT,               -- create: whom the token signs in (user_…)
  org_id             TEXT,               -- create, optional: organization to activate (org_…)
  expires_in_seconds INTEGER,            -- create, optional: 1 or more; NULL = policy.default_expires_in, else Clerk's 2592000 (30 days)
  sign_in_token_id   TEXT,               -- revoke: which token (sit_…)
  batch              TEXT,               -- optional: a name that groups jobs
  priority           INTEGER,            -- optional, -100…100, higher goes first; NULL = 10 revoke, 0 create, -10 create in a batch
  not_before         TEXT,               -- optional, UTC: not sent before
  not_after          TEXT,               -- optional, UTC: not sent any more after this, the job lapses
  idempotency_key    TEXT UNIQUE,        -- optional: the same key is one job for ever
  reference          TEXT,               -- optional: the script's own mark (a ticket, an e-mail id), carried to every table and report
  requested_by       TEXT NOT NULL DEFAULT '', -- who asks, as the script states it
  reason             TEXT,               -- why
  submitted_at       TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, -- when, UTC
  CONSTRAINT "the queue ran out of ids (1 to 999999999999)" CHECK (
    id BETWEEN 1 AND 999999999999),
  CONSTRAINT "action must be 'create' or 'revoke'" CHECK (
    action IN ('create', 'revoke')),
  CONSTRAINT "a create needs user_id" CHECK (
    action <> 'create' OR user_id IS NOT NULL),
  CONSTRAINT "a create takes no sign_in_token_id" CHECK (
    action <> 'create' OR sign_in_token_id IS NULL),
  CONSTRAINT "a revoke needs sign_in_token_id" CHECK (
    action <> 'revoke' OR sign_in_token_id IS NOT NULL),
  CONSTRAINT "a revoke takes no user_id" CHECK (
    action <> 'revoke' OR user_id IS NULL),
  CONSTRAINT "a revoke takes no org_id" CHECK (
    action <> 'revoke' OR org_id IS NULL),
  CONSTRAINT "a revoke takes no expires_in_seconds" CHECK (
    action <> 'revoke' OR expires_in_seconds IS NULL),
  CONSTRAINT "user_id must be 1 to 128 of A-Z a-z 0-9 _" CHECK (
    user_id IS NULL OR (user_id NOT GLOB '*[^A-Za-z0-9_]*'
      AND length(user_id) BETWEEN 1 AND 128
      AND length(user_id) = length(CAST(user_id AS BLOB)))),
  CONSTRAINT "org_id must be 1 to 128 of A-Z a-z 0-9 _" CHECK (
    org_id IS NULL OR (org_id NOT GLOB '*[^A-Za-z0-9_]*'
      AND length(org_id) BETWEEN 1 AND 128
      AND length(org_id) = length(CAST(org_id AS BLOB)))),
  CONSTRAINT "sign_in_token_id must be 1 to 128 of A-Z a-z 0-9 _" CHECK (
    sign_in_token_id IS NULL OR (sign_in_token_id NOT GLOB '*[^A-Za-z0-9_]*'
      AND length(sign_in_token_id) BETWEEN 1 AND 128
      AND length(sign_in_token_id) = length(CAST(sign_in_token_id AS BLOB)))),
  CONSTRAINT "expires_in_seconds must be 1 to 3155760000" CHECK (
    expires_in_seconds BETWEEN 1 AND 3155760000),
  CONSTRAINT "priority must be -100 to 100" CHECK (
    priority BETWEEN -100 AND 100),
  CONSTRAINT "batch must be 1 to 200 bytes" CHECK (
    length(CAST(batch AS BLOB)) BETWEEN 1 AND 200),
  CONSTRAINT "batch must not hold control characters" CHECK (
    batch NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(batch, char(0)) = 0),
  CONSTRAINT "idempotency_key must be 1 to 200 bytes" CHECK (
    length(CAST(idempotency_key AS BLOB)) BETWEEN 1 AND 200),
  CONSTRAINT "idempotency_key must not hold control characters" CHECK (
    idempotency_key NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(idempotency_key, char(0)) = 0),
  CONSTRAINT "reference must be at most 200 bytes" CHECK (
    length(CAST(reference AS BLOB)) <= 200),
  CONSTRAINT "reference must not hold control characters" CHECK (
    reference NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(reference, char(0)) = 0),
  CONSTRAINT "requested_by must be at most 200 bytes" CHECK (
    length(CAST(requested_by AS BLOB)) <= 200),
  CONSTRAINT "requested_by must not hold control characters" CHECK (
    requested_by NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(requested_by, char(0)) = 0),
  CONSTRAINT "reason must be at most 2000 bytes" CHECK (
    length(CAST(reason AS BLOB)) <= 2000),
  CONSTRAINT "reason must not hold control characters other than tab and newline" CHECK (
    reason NOT GLOB '*[' || char(1) || '-' || char(8) || char(11) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(reason, char(0)) = 0),
  CONSTRAINT "not_before must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ" CHECK (
    not_before IS NULL OR (not_before GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
      AND strftime('%Y-%m-%d %H:%M', substr(not_before, 1, 16), '+0 days') IS replace(substr(not_before, 1, 16), 'T', ' ')
      AND (substr(not_before, 11, 1) = ' ' OR not_before GLOB '*Z')
      AND length(CAST(not_before AS BLOB)) <= 24
      AND (rtrim(substr(not_before, 17), 'Z') = ''
        OR rtrim(substr(not_before, 17), 'Z') GLOB ':[0-5][0-9]'
        OR rtrim(substr(not_before, 17), 'Z') GLOB ':[0-5][0-9].[0-9][0-9][0-9]')
      AND not_before NOT GLOB '*ZZ')),
  CONSTRAINT "not_after must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ" CHECK (
    not_after IS NULL OR (not_after GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
      AND strftime('%Y-%m-%d %H:%M', substr(not_after, 1, 16), '+0 days') IS replace(substr(not_after, 1, 16), 'T', ' ')
      AND (substr(not_after, 11, 1) = ' ' OR not_after GLOB '*Z')
      AND length(CAST(not_after AS BLOB)) <= 24
      AND (rtrim(substr(not_after, 17), 'Z') = ''
        OR rtrim(substr(not_after, 17), 'Z') GLOB ':[0-5][0-9]'
        OR rtrim(substr(not_after, 17), 'Z') GLOB ':[0-5][0-9].[0-9][0-9][0-9]')
      AND not_after NOT GLOB '*ZZ')),
  CONSTRAINT "submitted_at must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ" CHECK (
    submitted_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
      AND strftime('%Y-%m-%d %H:%M', substr(submitted_at, 1, 16), '+0 days') IS replace(substr(submitted_at, 1, 16), 'T', ' ')
      AND (substr(submitted_at, 11, 1) = ' ' OR submitted_at GLOB '*Z')
      AND length(CAST(submitted_at AS BLOB)) <= 24
      AND (rtrim(substr(submitted_at, 17), 'Z') = ''
        OR rtrim(substr(submitted_at, 17), 'Z') GLOB ':[0-5][0-9]'
        OR rtrim(substr(submitted_at, 17), 'Z') GLOB ':[0-5][0-9].[0-9][0-9][0-9]')
      AND submitted_at NOT GLOB '*ZZ')
) STRICT;

-- The rows that overtake the others: of effective priority above 0. The daemon's query
-- says the same words, so that this index answers it.
CREATE INDEX job_urgent ON job (id)
WHERE priority > 0 OR (priority IS NULL AND action = 'revoke');

-- One row per batch that wants a canary or a limit; a batch name works without one.
-- Insert it in the same transaction as the batch's first job, or before.
CREATE TABLE batch (
  name          TEXT PRIMARY KEY,        -- as in job.batch
  release_first INTEGER,                 -- canary: run this many, keep the rest waiting for resume
  max_failures  INTEGER,                 -- cancel what is left once this many failed
  requested_by  TEXT NOT NULL DEFAULT '', -- who asks, as the script states it
  reason        TEXT,                    -- why
  submitted_at  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, -- when, UTC
  CONSTRAINT "name must be 1 to 200 bytes" CHECK (
    length(CAST(name AS BLOB)) BETWEEN 1 AND 200),
  CONSTRAINT "name must not hold control characters" CHECK (
    name NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(name, char(0)) = 0),
  CONSTRAINT "release_first must be 0 to 999999999999" CHECK (
    release_first BETWEEN 0 AND 999999999999),
  CONSTRAINT "max_failures must be 1 to 999999999999" CHECK (
    max_failures BETWEEN 1 AND 999999999999),
  CONSTRAINT "requested_by must be at most 200 bytes" CHECK (
    length(CAST(requested_by AS BLOB)) <= 200),
  CONSTRAINT "requested_by must not hold control characters" CHECK (
    requested_by NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(requested_by, char(0)) = 0),
  CONSTRAINT "reason must be at most 2000 bytes" CHECK (
    length(CAST(reason AS BLOB)) <= 2000),
  CONSTRAINT "reason must not hold control characters other than tab and newline" CHECK (
    reason NOT GLOB '*[' || char(1) || '-' || char(8) || char(11) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(reason, char(0)) = 0),
  CONSTRAINT "submitted_at must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ" CHECK (
    submitted_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
      AND strftime('%Y-%m-%d %H:%M', substr(submitted_at, 1, 16), '+0 days') IS replace(substr(submitted_at, 1, 16), 'T', ' ')
      AND (substr(submitted_at, 11, 1) = ' ' OR submitted_at GLOB '*Z')
      AND length(CAST(submitted_at AS BLOB)) <= 24
      AND (rtrim(substr(submitted_at, 17), 'Z') = ''
        OR rtrim(substr(submitted_at, 17), 'Z') GLOB ':[0-5][0-9]'
        OR rtrim(substr(submitted_at, 17), 'Z') GLOB ':[0-5][0-9].[0-9][0-9][0-9]')
      AND submitted_at NOT GLOB '*ZZ')
) STRICT;

-- One row per operator command.
CREATE TABLE command (
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the queue, 1 … 999999999999
  verb         TEXT NOT NULL,            -- 'cancel' | 'retry' | 'pause' | 'resume'
  job_id       INTEGER,                  -- cancel, retry: one job …
  batch        TEXT,                     -- … or a batch (pause, resume too)
  action       TEXT,                     -- pause, resume, cancel: only 'create' or only 'revoke'
  until        TEXT,                     -- pause: resume by itself then, UTC
  requested_by TEXT NOT NULL DEFAULT '', -- who asks, as the script states it
  reason       TEXT,                     -- why
  submitted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, -- when, UTC
  CONSTRAINT "the queue ran out of ids (1 to 999999999999)" CHECK (
    id BETWEEN 1 AND 999999999999),
  CONSTRAINT "verb must be 'cancel', 'retry', 'pause' or 'resume'" CHECK (
    verb IN ('cancel', 'retry', 'pause', 'resume')),
  CONSTRAINT "a cancel needs one target: job_id, or batch, action or both" CHECK (
    verb <> 'cancel' OR (job_id IS NOT NULL AND batch IS NULL AND action IS NULL)
      OR (job_id IS NULL AND (batch IS NOT NULL OR action IS NOT NULL))),
  CONSTRAINT "a retry needs one target: job_id or batch" CHECK (
    verb <> 'retry' OR (job_id IS NOT NULL) + (batch IS NOT NULL) = 1),
  CONSTRAINT "a retry takes no action" CHECK (
    verb <> 'retry' OR action IS NULL),
  CONSTRAINT "pause and resume take no job_id" CHECK (
    verb NOT IN ('pause', 'resume') OR job_id IS NULL),
  CONSTRAINT "only a pause takes until" CHECK (
    verb = 'pause' OR until IS NULL),
  CONSTRAINT "job_id must be 1 to 999999999999" CHECK (
    job_id BETWEEN 1 AND 999999999999),
  CONSTRAINT "batch must be 1 to 200 bytes" CHECK (
    length(CAST(batch AS BLOB)) BETWEEN 1 AND 200),
  CONSTRAINT "batch must not hold control characters" CHECK (
    batch NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(batch, char(0)) = 0),
  CONSTRAINT "action must be 'create' or 'revoke'" CHECK (
    action IN ('create', 'revoke')),
  CONSTRAINT "until must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ" CHECK (
    until IS NULL OR (until GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
      AND strftime('%Y-%m-%d %H:%M', substr(until, 1, 16), '+0 days') IS replace(substr(until, 1, 16), 'T', ' ')
      AND (substr(until, 11, 1) = ' ' OR until GLOB '*Z')
      AND length(CAST(until AS BLOB)) <= 24
      AND (rtrim(substr(until, 17), 'Z') = ''
        OR rtrim(substr(until, 17), 'Z') GLOB ':[0-5][0-9]'
        OR rtrim(substr(until, 17), 'Z') GLOB ':[0-5][0-9].[0-9][0-9][0-9]')
      AND until NOT GLOB '*ZZ')),
  CONSTRAINT "requested_by must be at most 200 bytes" CHECK (
    length(CAST(requested_by AS BLOB)) <= 200),
  CONSTRAINT "requested_by must not hold control characters" CHECK (
    requested_by NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(requested_by, char(0)) = 0),
  CONSTRAINT "reason must be at most 2000 bytes" CHECK (
    length(CAST(reason AS BLOB)) <= 2000),
  CONSTRAINT "reason must not hold control characters other than tab and newline" CHECK (
    reason NOT GLOB '*[' || char(1) || '-' || char(8) || char(11) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      AND instr(reason, char(0)) = 0),
  CONSTRAINT "submitted_at must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ" CHECK (
    submitted_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
      AND strftime('%Y-%m-%d %H:%M', substr(submitted_at, 1, 16), '+0 days') IS replace(substr(submitted_at, 1, 16), 'T', ' ')
      AND (substr(submitted_at, 11, 1) = ' ' OR submitted_at GLOB '*Z')
      AND length(CAST(submitted_at AS BLOB)) <= 24
      AND (rtrim(substr(submitted_at, 17), 'Z') = ''
        OR rtrim(substr(submitted_at, 17), 'Z') GLOB ':[0-5][0-9]'
        OR rtrim(substr(submitted_at, 17), 'Z') GLOB ':[0-5][0-9].[0-9][0-9][0-9]')
      AND submitted_at NOT GLOB '*ZZ')
) STRICT;

-- Guard rails against honest mistakes; the daemon sweeps with triggers off. An id that was
-- not given reads as -1 in a BEFORE trigger.
CREATE TRIGGER job_numbers_itself BEFORE INSERT ON job WHEN NEW.id IS NOT -1
BEGIN SELECT RAISE(ABORT, 'leave id out: the queue numbers its rows'); END;
CREATE TRIGGER job_no_update BEFORE UPDATE ON job
BEGIN SELECT RAISE(ABORT, 'a submitted job is not changed: use a command (cancel it and submit another)'); END;
CREATE TRIGGER job_no_delete BEFORE DELETE ON job
BEGIN SELECT RAISE(ABORT, 'a submitted job is not deleted: use a command (cancel)'); END;

CREATE TRIGGER batch_no_update BEFORE UPDATE ON batch
BEGIN SELECT RAISE(ABORT, 'a submitted batch is not changed: use a command (cancel, pause or resume)'); END;
CREATE TRIGGER batch_no_delete BEFORE DELETE ON batch
BEGIN SELECT RAISE(ABORT, 'a submitted batch is not deleted: use a command (cancel)'); END;

CREATE TRIGGER command_numbers_itself BEFORE INSERT ON command WHEN NEW.id IS NOT -1
BEGIN SELECT RAISE(ABORT, 'leave id out: the queue numbers its rows'); END;
CREATE TRIGGER command_no_update BEFORE UPDATE ON command
BEGIN SELECT RAISE(ABORT, 'a submitted command is not changed: use a command that undoes it'); END;
CREATE TRIGGER command_no_delete BEFORE DELETE ON command
BEGIN SELECT RAISE(ABORT, 'a submitted command is not deleted: use a command that undoes it'); END;
