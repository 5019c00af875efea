-- How many counts are kept.
SELECT count(*) FROM daily
