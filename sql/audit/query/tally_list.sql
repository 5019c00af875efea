-- How many jobs there are.
SELECT action, state, jobs FROM tally
