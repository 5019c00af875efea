-- Commands that have not ended.
SELECT id, verb, batch, action, until, taken_at, finished_at, message, taken_seq
FROM command WHERE state = 'running' ORDER BY id
