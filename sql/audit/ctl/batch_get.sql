-- A batch's canary and its limit on failures, and whether they came to bear.
SELECT release_first, max_failures, held, stopped FROM batch WHERE name = :name
