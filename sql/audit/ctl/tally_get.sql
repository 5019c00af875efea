-- How many jobs of an action are in a state.
SELECT jobs FROM tally WHERE action = :action AND state = :state
