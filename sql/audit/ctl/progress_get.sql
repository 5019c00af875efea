-- How far the queue was taken, and the kind of the key.
SELECT queue_job, queue_urgent, queue_command, key_kind FROM progress WHERE id = 1
