-- Where the daemon stands.
SELECT queue_job, queue_urgent, queue_command, retry_after_at, clock_create, clock_revoke,
  key_kind, purge_from_seq, boot_id, boot_ms, wall_ms, step_ms,
  step_boot_ms
FROM progress WHERE id = 1
