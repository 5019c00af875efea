-- Rows of the audit, oldest first, above one.
SELECT seq FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit
