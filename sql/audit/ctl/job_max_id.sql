-- The highest job id.
SELECT max(id) FROM job
