-- Rows of the audit, newest first, below one.
SELECT seq FROM audit WHERE seq < :before ORDER BY seq DESC LIMIT :limit
