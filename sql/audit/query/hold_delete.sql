-- It holds no more.
DELETE FROM hold WHERE kind = :kind
