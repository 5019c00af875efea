-- The jobs with a reference.
SELECT id FROM job INDEXED BY job_reference WHERE reference = :reference
