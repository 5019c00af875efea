-- The rest of the batch was paused, or is cancelled.
UPDATE batch SET held = max(held, :held), stopped = max(stopped, :stopped) WHERE id = :id
