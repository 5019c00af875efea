-- A queued job of a batch waits, or waits no longer, as its batch is paused (0 or 1) and as the
-- rest of it is held back (0 or 2) now; it did not age meanwhile.
UPDATE job SET parked = :paused | (parked & :held_back),
  age_from = CASE WHEN age_from < 0 THEN -1 ELSE age_from + :stood_still END
WHERE id = :id AND state = 'queued' AND parked <> :paused | (parked & :held_back)
