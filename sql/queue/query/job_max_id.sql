-- The highest job id below a limit; NULL where there is none.
SELECT max(id) FROM job NOT INDEXED WHERE id < :below;
