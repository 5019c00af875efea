-- tokens.db: the secrets that came back, until they are worth nothing. Written by the
-- daemon alone, read by submitters.

CREATE TABLE secret (
  sign_in_token_id TEXT PRIMARY KEY,        -- sit_…
  job_id           INTEGER NOT NULL,        -- the create that brought it
  attempt          INTEGER NOT NULL,        -- and which attempt of it
  token            TEXT,                    -- SECRET: the ticket; NULL where Clerk sent none
  url              TEXT,                    -- SECRET: holds the ticket; may be NULL
  status           TEXT NOT NULL,           -- pending
  user_id          TEXT NOT NULL,
  created_at_ms    INTEGER NOT NULL,        -- as Clerk returned it
  updated_at_ms    INTEGER NOT NULL,
  expires_at       TEXT NOT NULL,           -- UTC text: created_at plus the lifetime asked for
  http_status      INTEGER NOT NULL,
  trace_id         TEXT,
  received_at      TEXT NOT NULL,           -- UTC text
  duration_ms      INTEGER NOT NULL
) STRICT;

CREATE INDEX secret_job ON secret (job_id);
CREATE INDEX secret_expires ON secret (expires_at);
CREATE INDEX secret_received ON secret (received_at);

-- How far audit.db had got before the last commit here: an older audit.db is a restored copy.
CREATE TABLE mark (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  job_id INTEGER NOT NULL,                  -- highest job id
  seq    INTEGER NOT NULL,                  -- audit's head
  hash   TEXT NOT NULL                      -- and its hash; '' = before the first row
) STRICT;

INSERT INTO mark VALUES (1, 0, 0, '');
