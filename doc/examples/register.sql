-- The register of sign-in tokens, as an auditor samples from it: every token with who asked for
-- it (as stated), why, when, what became of it and which jobs say so; CSV.
--
--   sqlite3 -readonly -bail -cmd '.timeout 10000' \
--     /var/lib/clerk-tokend/audit/audit.db < register.sql > register.csv
--
-- A part of it, by when Clerk made the token (UTC; from :since on, before :until): add one or
-- both of
--   -cmd ".parameter set :since \"'2026-01-01'\""
--   -cmd ".parameter set :until \"'2026-04-01'\""
--
-- Behind the register and an empty line stands its evidence: how many rows of the audit it
-- rests on, and the head of their chain. Kept elsewhere, the head proves later that nothing
-- was changed or taken away: clerk-tokenctl verify --checkpoint SEQ:HASH.
--
-- A text that a spreadsheet would take for a formula has an apostrophe in front.
.mode csv
.headers on
BEGIN; -- one moment for all
SELECT
  id AS sign_in_token_id, life, user_id, org_id, created_at, expires_at,
  CASE WHEN trim(requested_by) GLOB '[-=+@]*' THEN '''' ELSE '' END || requested_by
    AS requested_by_as_stated,
  CASE WHEN trim(reason) GLOB '[-=+@]*' THEN '''' ELSE '' END || reason AS reason,
  CASE WHEN trim(reference) GLOB '[-=+@]*' THEN '''' ELSE '' END || reference AS reference,
  CASE WHEN trim(batch) GLOB '[-=+@]*' THEN '''' ELSE '' END || batch AS batch,
  create_job_id, revoke_job_id, status, status_at, status_from
FROM token
WHERE (:since IS NULL OR created_at >= :since) AND (:until IS NULL OR created_at < :until)
ORDER BY created_at, id;
.print
SELECT
  (SELECT count(*) FROM token
    WHERE (:since IS NULL OR created_at >= :since) AND (:until IS NULL OR created_at < :until))
    AS tokens,
  coalesce(:since, 'the beginning') AS since, coalesce(:until, 'now') AS until,
  seq AS audit_rows, at AS last_row_at, hash AS head,
  strftime('%Y-%m-%d %H:%M:%f', 'now') AS printed_at
FROM audit ORDER BY seq DESC LIMIT 1;
COMMIT;
