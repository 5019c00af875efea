-- The highest command id; NULL where there is none.
SELECT max(id) FROM command NOT INDEXED;
