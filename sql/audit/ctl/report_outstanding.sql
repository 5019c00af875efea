-- A page of report_outstanding, of those that were made in a period; NULL = any. The page's
-- tokens are found first, from where the last page ended: by its last row as the index had it.
SELECT o.entry, o.sign_in_token_id, o.user_id, o.created_at, p.expires_at, o.age_s, o.left_s,
  o.requested_by, o.reason, o.reference, o.batch, o.create_job_id, o.revoke_job_id,
  o.revoke_state, o.revoke_result
FROM (
  SELECT rowid AS entry, expires_at FROM sign_in_token INDEXED BY sign_in_token_pending
  WHERE status = 'pending'
    AND expires_at >= max(strftime('%Y-%m-%d %H:%M:%f', 'now'), :after_expires_at)
    AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
    AND (expires_at, rowid) > (:after_expires_at, :after)
    AND (:since IS NULL
      OR strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch') >= :since)
    AND (:until IS NULL
      OR strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch') < :until)
  ORDER BY expires_at, rowid LIMIT :limit
) p CROSS JOIN report_outstanding o ON o.entry = p.entry
ORDER BY p.expires_at, p.entry
