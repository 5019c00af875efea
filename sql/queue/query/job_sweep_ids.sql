-- Ids of jobs to sweep, lowest first.
SELECT id FROM job NOT INDEXED
WHERE id > :after AND id <= :last
ORDER BY id
LIMIT :n;
