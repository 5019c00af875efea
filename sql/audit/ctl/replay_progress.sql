-- How far the queue was taken, and what follows from the jobs and commands that were.
SELECT queue_job, queue_urgent, queue_command, key_kind,
  coalesce((SELECT max(id) FROM job), 0) AS last_job,
  coalesce((SELECT max(id) FROM command), 0) AS last_command
FROM progress
