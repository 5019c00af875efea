-- The lowest job of the next (batch, state) behind one: a walk over the index that skips
-- from batch to batch.
SELECT batch, state, id FROM job INDEXED BY job_batch
WHERE batch IS NOT NULL AND (batch, state) > (:batch, :state)
ORDER BY batch, state, id LIMIT 1
