-- The first job from an id on, and when it was taken.
SELECT id, accepted_at FROM job WHERE id >= :id ORDER BY id LIMIT 1
