-- Commands to sweep, lowest first.
DELETE FROM command
WHERE id IN (SELECT id FROM command NOT INDEXED WHERE id <= :last ORDER BY id LIMIT :n);
