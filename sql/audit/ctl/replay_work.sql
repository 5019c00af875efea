-- The counters of a job's present budget.
SELECT tries, unknown_tries, age_from FROM job WHERE id = :id
