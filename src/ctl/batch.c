#include "ctl/batch.h"

#include <string.h>

static int on_waiting(
	void *userdata, const char *name, int64_t n, const char *since, struct error *err)
{
	struct batch *batch = userdata;

	(void)name;
	(void)err;
	batch->n_waiting = n;
	(void)stpncpy(batch->waiting_since, since ? since : "",
		sizeof(batch->waiting_since) - 1);
	return 0;
}

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct batch *batch = userdata;

	(void)err;
	if (stop->kind || !stop->batch || strcmp(stop->batch, batch->name) != 0)
		return 0;
	batch->paused = true;
	batch->canary = batch->canary || stop->command_id < 0;
	return 0;
}

int batch_read_taken(
	struct ctl *ctl, const char *name, struct batch *ret_batch, struct error *err)
{
	*ret_batch = (struct batch){.name = name};
	if (reader_batch_state(ctl->reader, name, &ret_batch->taken, err) < 0)
		return -1;
	return reader_stops(ctl->reader, on_stop, ret_batch, err);
}

int batch_read_waiting(struct ctl *ctl, struct batch *batch, struct error *err)
{
	int rc = ctl_try_queue(ctl, err);

	batch->n_waiting = 0;
	if (rc || !ctl->queue)
		return rc;
	/* The state says how far the queue was taken when it was read: each row is
	 * counted once. */
	return reader_queue_batches(
		ctl->queue, &batch->taken.progress, batch->name, on_waiting, batch, err);
}

int batch_read(
	struct ctl *ctl, const char *name, struct batch *ret_batch, struct error *err)
{
	if (batch_read_taken(ctl, name, ret_batch, err) < 0)
		return -1;
	return batch_read_waiting(ctl, ret_batch, err);
}

int64_t batch_total(const struct batch *batch)
{
	return batch->taken.jobs + batch->n_waiting;
}

int64_t batch_left(const struct batch *batch)
{
	return batch->n_waiting + batch->taken.n[JOB_QUEUED] +
	       batch->taken.n[JOB_RUNNING];
}

int64_t batch_over(const struct batch *batch)
{
	return batch_total(batch) - batch_left(batch);
}

int64_t batch_not_succeeded(const struct batch *batch)
{
	return batch_over(batch) - batch->taken.n[JOB_SUCCEEDED];
}

bool batch_stopped(const struct batch *batch)
{
	return batch->taken.stopped && !batch->taken.n[JOB_QUEUED] &&
	       !batch->taken.n[JOB_RUNNING] &&
	       batch->taken.n[JOB_SUCCEEDED] < batch_total(batch);
}

const char *batch_word(const struct batch *batch)
{
	if (batch_stopped(batch))
		return "stopped";
	if (batch_left(batch) == 0)
		return "done";
	if (batch->canary)
		return "canary";
	if (batch->paused)
		return "paused";
	return batch->taken.jobs ? "working" : "waiting";
}
