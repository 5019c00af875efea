-- A token whose secret the table says was removed, at a time that the audit does not tell.
SELECT t.id, t.purged_at FROM sign_in_token t WHERE t.purged_at IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM (
    SELECT sign_in_token_id AS id, max(seq), at FROM audit
    WHERE event = 'purged' AND instr(coalesce(detail, ''), '"token":"unknown"') = 0
    GROUP BY 1) p
  WHERE p.id = t.id AND p.at = t.purged_at)
LIMIT 1
