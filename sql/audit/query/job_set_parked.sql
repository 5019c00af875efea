-- A queued job waits for its batch, or waits no longer; it did not age meanwhile.
UPDATE job SET parked = :parked,
  age_from = CASE WHEN age_from < 0 THEN -1 ELSE age_from + :stood_still END
WHERE id = :id AND state = 'queued'
