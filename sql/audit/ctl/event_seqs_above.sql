-- Rows of the audit, oldest first, above one and up to another.
SELECT seq FROM audit WHERE seq > :after AND seq <= :upto ORDER BY seq LIMIT :limit
