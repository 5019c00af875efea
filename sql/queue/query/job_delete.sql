-- A swept job.
DELETE FROM job WHERE id = :id;
