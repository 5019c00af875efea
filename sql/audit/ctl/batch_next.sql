-- The lowest job of the next (batch, state) behind that of the job :after (0: of the first): a
-- walk over the index that skips from batch to batch. By the job's id, not by the two texts: one
-- that somebody wrote with a NUL in it must lead on as well.
SELECT batch, id FROM job INDEXED BY job_batch
WHERE batch IS NOT NULL AND (batch, state) >
  (SELECT coalesce(max(batch), ''), coalesce(max(state), '') FROM job WHERE id = :after)
ORDER BY batch, state, id LIMIT 1
