/* Replay: batches with a row of their own, and how many of their jobs were taken and
 * failed. */
#include "ctl/verify.h"

#include "store/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Where the batch stands, or would. */
static size_t place_of(const struct verify *verify, const char *name)
{
	size_t low = 0, high = verify->n_batches;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(verify->batches[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct verify_batch *find(struct verify *verify, const char *name)
{
	size_t at = name ? place_of(verify, name) : verify->n_batches;

	if (at == verify->n_batches || strcmp(verify->batches[at].name, name) != 0)
		return NULL;
	return &verify->batches[at];
}

void verify_note_batch(
	struct verify *verify, const struct reader_event *event, const json_t *detail)
{
	const char *name = event->batch ? event->batch : "";
	size_t at = place_of(verify, name), n = verify->n_batches;

	if (find(verify, name)) {
		verify_fault(verify,
			"batch %s: the audit contradicts itself: it was "
			"taken twice",
			name);
		return;
	}
	verify->batches = xrealloc(verify->batches, (n + 1) * sizeof(*verify->batches));
	memmove(&verify->batches[at + 1], &verify->batches[at],
		(n - at) * sizeof(*verify->batches));
	verify->n_batches++;
	verify->batches[at] = (struct verify_batch){.id = (int64_t)n + 1,
		.name = xstrdup(name),
		.release_first = verify_member_int(detail, "release_first", -1),
		.max_failures = verify_member_int(detail, "max_failures", 0),
		.requested_by = xstrdup(event->requested_by ? event->requested_by : ""),
		.reason = event->reason ? xstrdup(event->reason) : NULL,
		.taken_at = xstrdup(event->at)};
}

void verify_count_batch(struct verify *verify, const struct reader_link *link)
{
	const struct rollup_row *row = &link->counted;
	bool accepted = row->event && !strcmp(row->event, "accepted");
	bool failed = row->job_state && !strcmp(row->job_state, "failed");
	struct verify_batch *batch =
		accepted || failed ? find(verify, link->batch) : NULL;

	if (!batch)
		return;
	batch->taken += accepted;
	batch->failed += failed;
}

void verify_note_own(struct verify *verify, int64_t command_id)
{
	for (size_t i = 0; command_id <= LEDGER_REST_IDS && i < verify->n_batches; i++) {
		struct verify_batch *batch = &verify->batches[i];

		batch->held |= command_id == LEDGER_REST_IDS - batch->id;
		batch->stopped |= command_id == LEDGER_STOP_IDS - batch->id;
	}
}

struct walk {
	struct verify *verify;
	size_t n;
};

static int on_batch(void *userdata, const struct reader_cells *cells, struct error *err)
{
	struct walk *walk = userdata;
	struct verify *verify = walk->verify;
	const char *name = reader_cell_key(cells, "name");
	const struct verify_batch *batch = find(verify, name);
	AUTO(free_ptr) char *what = xasprintf("batch %s", name);

	(void)err;
	walk->n++;
	if (!batch) {
		verify_fault(
			verify, "%s: batch has it, the audit knows nothing of it", what);
		return 0;
	}
	const struct {
		const char *column;
		int64_t audit;
	} numbers[] = {{"id", batch->id}, {"release_first", batch->release_first},
		{"max_failures", batch->max_failures}, {"taken", batch->taken},
		{"failed", batch->failed}, {"held", batch->held},
		{"stopped", batch->stopped}};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		verify_number(verify, what, numbers[i].column,
			reader_cell_int(cells, numbers[i].column), numbers[i].audit);
	verify_column(verify, what, "requested_by", reader_cell(cells, "requested_by"),
		batch->requested_by);
	verify_column(
		verify, what, "reason", reader_cell(cells, "reason"), batch->reason);
	verify_column(verify, what, "taken_at", reader_cell(cells, "taken_at"),
		batch->taken_at);
	return 0;
}

static int has_row(void *userdata, const struct reader_cells *cells, struct error *err)
{
	(void)err;
	return !strcmp(reader_cell_key(cells, "name"), userdata);
}

int verify_batches(struct verify *verify, struct error *err)
{
	struct reader *reader = verify->ctl->reader;
	struct walk walk = {.verify = verify};

	if (reader_replay_rows(reader, READER_BATCHES, on_batch, &walk, err) < 0)
		return -1;
	for (size_t i = 0; walk.n < verify->n_batches && i < verify->n_batches; i++) {
		char *name = verify->batches[i].name;
		int rc = reader_replay_rows(reader, READER_BATCHES, has_row, name, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			verify_fault(verify,
				"batch %s: the audit tells of it, batch lacks it", name);
	}
	return 0;
}
