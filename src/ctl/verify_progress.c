/*
 * Replay: how far the queue was taken. The rest of the row is the daemon's own reckoning,
 * which no row of the audit tells.
 */
#include "ctl/verify.h"

static int on_progress(
	void *userdata, const struct reader_cells *cells, struct error *err)
{
	struct verify *verify = userdata;
	int64_t last_job = reader_cell_int(cells, "last_job");
	int64_t job = reader_cell_int(cells, "queue_job"),
		urgent = reader_cell_int(cells, "queue_urgent");
	int64_t last_command = reader_cell_int(cells, "last_command");

	(void)err;
	/* The cursor that is ahead stands at the last job; a row that the other one has
	 * still to come to is known by then. */
	verify_number(verify, "progress", urgent > job ? "queue_urgent" : "queue_job",
		urgent > job ? urgent : job, last_job);
	verify_number(verify, "progress", "queue_command",
		reader_cell_int(cells, "queue_command"),
		last_command > 0 ? last_command : 0);
	if (verify->key_kind)
		verify_column(verify, "progress", "key_kind",
			reader_cell(cells, "key_kind"), verify->key_kind);
	return 1;
}

int verify_progress(struct verify *verify, struct error *err)
{
	int rc = reader_replay_rows(
		verify->ctl->reader, READER_PROGRESS, on_progress, verify, err);

	if (rc == 0)
		verify_fault(verify, "progress: it has lost its row");
	return rc < 0 ? -1 : 0;
}
