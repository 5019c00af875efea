-- Where the daemon stands.
UPDATE progress SET queue_job = :queue_job, queue_urgent = :queue_urgent,
  queue_command = :queue_command, retry_after_at = :retry_after_at,
  clock_create = :clock_create, clock_revoke = :clock_revoke, key_kind = :key_kind,
  purge_from_seq = :purge_from_seq, boot_id = :boot_id, boot_ms = :boot_ms,
  wall_ms = :wall_ms, step_ms = :step_ms, step_boot_ms = :step_boot_ms
WHERE id = 1
