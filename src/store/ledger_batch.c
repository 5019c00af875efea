/* Batches with a canary or a limit on failures. */
#include "base/buf.h"
#include "base/mem.h"
#include "store/ledger_internal.h"

#include <inttypes.h>

int ledger_batch_put(
	struct ledger *ledger, const struct queue_batch *batch, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_batch_put);
	AUTO(buf) struct buf said = BUF_NULL;
	struct audit_row row = {AUDIT_ROW_NULL};
	int changes;

	sql_bind(stmt, "tiittt", batch->name, batch->release_first, batch->max_failures,
		batch->requested_by, batch->reason, ledger->now_text);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	if (!changes)
		return 0;
	buf_puts(&said, "batch taken: ");
	if (batch->release_first >= 0)
		buf_printf(&said, "the first %" PRId64 " are released",
			batch->release_first);
	else
		buf_puts(&said, "all are released");
	if (batch->max_failures)
		buf_printf(&said,
			", what is left is cancelled after %" PRId64 " failures",
			batch->max_failures);
	/* Of the queue's own number there is none: a batch goes by its name. */
	row.event = event_name(EVENT_COMMANDED);
	row.batch = batch->name;
	row.requested_by = batch->requested_by;
	row.reason = batch->reason;
	row.error_message = buf_str(&said);
	row.detail = batch->detail;
	return ledger_append(ledger, &row, err);
}

/* Runs one of the two counting statements for the batch's name. */
static int count_in(struct ledger *ledger, enum audit_query query, const char *name,
	struct ledger_batch *ret_batch, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, query);
	int rc;

	*ret_batch = (struct ledger_batch){0};
	sql_bind(stmt, "t", name);
	rc = sql_step(stmt, err);
	if (rc <= 0)
		return rc;
	ret_batch->id = sqlite3_column_int64(stmt, 0);
	ret_batch->reached = sqlite3_column_int(stmt, 1);
	if (sqlite3_column_count(stmt) > 2)
		ret_batch->stopped = sqlite3_column_int(stmt, 2);
	ledger->wrote = true;
	return 0;
}

int ledger_batch_take(struct ledger *ledger, const char *name,
	struct ledger_batch *ret_batch, struct error *err)
{
	return count_in(ledger, AQ_batch_take, name, ret_batch, err);
}

int ledger_batch_fail(struct ledger *ledger, const char *name,
	struct ledger_batch *ret_batch, struct error *err)
{
	return count_in(ledger, AQ_batch_fail, name, ret_batch, err);
}

int ledger_batch_set(
	struct ledger *ledger, int64_t id, bool held, bool stopped, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_batch_set);

	ledger->wrote = true;
	sql_bind(stmt, "iii", (int64_t)held, (int64_t)stopped, id);
	return sql_run(stmt, NULL, err);
}
