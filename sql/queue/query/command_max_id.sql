-- The highest command id up to a limit; NULL where there is none.
SELECT max(id) FROM command NOT INDEXED WHERE id <= :upto;
