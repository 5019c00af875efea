-- The highest command that was taken before a time.
SELECT coalesce(max(id), 0) FROM command WHERE id > 0 AND taken_at < :before
