-- Something holds; since stays where it held before.
INSERT INTO hold (kind, since_at, reason, ends)
VALUES (:kind, :since_at, :reason, :ends)
ON CONFLICT (kind) DO UPDATE SET reason = excluded.reason, ends = excluded.ends
