-- What is paused of a batch: the rest behind its first, whose id follows from the batch's, and
-- what operators paused, of whom there are few.
SELECT command_id, action FROM pause
WHERE command_id = :rest_ids - (SELECT id FROM batch WHERE name = :batch)
UNION ALL
SELECT command_id, action FROM pause WHERE command_id > :rest_ids AND batch = :batch
