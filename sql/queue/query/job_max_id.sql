-- The highest job id up to a limit; NULL where there is none.
SELECT max(id) FROM job NOT INDEXED WHERE id <= :upto;
