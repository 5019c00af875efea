/*
 * Any values in the columns of a row: refused with one printable sentence, or taken with
 * every field within its limits; and always JSON, which of a row that was taken says
 * exactly what stood in its columns.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "base/parse.h"
#include "store/queue_row.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 15

static sqlite3_stmt *prepare(void)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;

	must(sqlite3_open(":memory:", &db) == SQLITE_OK);
	must(sqlite3_prepare_v2(db, "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?",
		     -1, &stmt, NULL) == SQLITE_OK);
	return stmt;
}

/* The value that a column of a good row has: so that the others get their turn. */
static void bind_good(sqlite3_stmt *stmt, int at, uint8_t choice)
{
	static const char *const texts[] = {"create", "revoke", "cancel", "pause",
		"user_1", "2026-02-03 04:05:06", "2026-02-03T04:05Z", "batch", ""};

	if (choice < 9)
		(void)sqlite3_bind_text(stmt, at, texts[choice], -1, SQLITE_STATIC);
	else
		(void)sqlite3_bind_int64(stmt, at, choice - 9);
}

/* One column: a byte says what kind of value, another how long it is. */
static size_t bind_one(sqlite3_stmt *stmt, int at, const uint8_t *data, size_t len)
{
	size_t n = len > 1 ? data[1] : 0;
	int64_t integer = 0;
	double real = 0;

	n = n > len - 2 ? len - 2 : n;
	switch (len > 1 ? data[0] % 6 : 0) {
	case 0:
		(void)sqlite3_bind_null(stmt, at);
		return len > 1 ? 1 : len;
	case 1:
		bind_good(stmt, at, data[1] % 16);
		return 2;
	case 2:
		memcpy(&integer, data + 2, n < 8 ? n : 8);
		(void)sqlite3_bind_int64(stmt, at, integer);
		break;
	case 3:
		memcpy(&real, data + 2, n < 8 ? n : 8);
		(void)sqlite3_bind_double(stmt, at, real);
		break;
	case 4:
		(void)sqlite3_bind_blob(stmt, at, data + 2, (int)n, SQLITE_TRANSIENT);
		break;
	default:
		(void)sqlite3_bind_text(
			stmt, at, (const char *)data + 2, (int)n, SQLITE_TRANSIENT);
	}
	return 2 + n;
}

static void check_texts(const char *fault, const char *detail)
{
	json_t *json = json_loads(detail, 0, NULL);

	must(json_is_object(json));
	json_decref(json);
	must(!fault || !parse_text_fault(fault, strlen(fault), 1000, false));
}

/* What the audit keeps of the row is the row. */
static void check_detail(sqlite3_stmt *stmt, const char *detail)
{
	static const char *const names[COLUMNS] = {"id", "action", "user_id", "org_id",
		"expires_in_seconds", "sign_in_token_id", "batch", "priority",
		"not_before", "not_after", "idempotency_key", "reference", "requested_by",
		"reason", "submitted_at"};
	json_t *json = json_loads(detail, JSON_REJECT_DUPLICATES, NULL);
	size_t n = 0;

	for (int i = 0; i < COLUMNS; i++) {
		const json_t *value = json_object_get(json, names[i]);

		n += value != NULL;
		if (sqlite3_column_type(stmt, i) == SQLITE_NULL)
			must(!value);
		else if (sqlite3_column_type(stmt, i) == SQLITE_INTEGER)
			must(json_is_integer(value) &&
				json_integer_value(value) ==
					sqlite3_column_int64(stmt, i));
		else
			must(json_is_string(value) &&
				!strcmp(json_string_value(value),
					(const char *)sqlite3_column_text(stmt, i)));
	}
	must(n == json_object_size(json));
	json_decref(json);
}

static void check_id(const char *id)
{
	must(!id || parse_clerk_id(id, strlen(id)));
}

static void check_text(const char *text, size_t max)
{
	must(!text || !parse_text_fault(text, strlen(text), max, max > 200));
}

static void check_job(sqlite3_stmt *stmt, const struct queue_row *row)
{
	const struct job *job = &row->job;

	check_texts(row->fault, row->detail);
	check_id(job->user_id);
	check_id(job->org_id);
	check_id(job->sign_in_token_id);
	check_text(job->batch, 200);
	check_text(job->idempotency_key, 200);
	check_text(job->reference, 200);
	check_text(job->requested_by, 200);
	check_text(job->reason, 2000);
	check_text(job->submitted_at, 200);
	must(job->requested_by);
	must(job->priority >= -100 && job->priority <= 100);
	must(job->expires_in_seconds >= 0 && job->expires_in_seconds <= 3155760000);
	must(row->fault_result == (row->fault ? JOB_RESULT_INVALID : JOB_RESULT_NONE));
	if (row->fault)
		return;
	check_detail(stmt, row->detail);
	must(job->id >= 1 && job->id <= JOB_ID_MAX && job->submitted_at);
	must(job->action == JOB_CREATE
			? job->user_id && !job->sign_in_token_id
			: job->sign_in_token_id && !job->user_id && !job->org_id &&
				  !job->expires_in_seconds);
}

static void check_command(const struct queue_command *command)
{
	check_texts(command->fault, command->detail);
	check_text(command->batch, 200);
	check_text(command->requested_by, 200);
	check_text(command->reason, 2000);
	must(command->requested_by);
	must(command->action >= -1 && command->action < JOB_ACTION__MAX);
	must(command->verb <= QUEUE_VERB__MAX);
	if (command->fault)
		return;
	must(command->verb < QUEUE_VERB__MAX);
	must(command->verb != QUEUE_RETRY || !command->job_id != !command->batch);
	must(command->verb == QUEUE_PAUSE || !command->until_ms);
}

/* fault: J1 J3 J4 J5 J6 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static sqlite3_stmt *stmt;
	struct buf detail = BUF_NULL;
	struct queue_command command;
	struct queue_batch batch;
	struct queue_row row;
	size_t bytes;

	if (!stmt)
		stmt = prepare();
	for (int i = 1; i <= COLUMNS; i++) {
		size_t n = bind_one(stmt, i, data, len);

		data += n;
		len -= n;
	}
	must(sqlite3_step(stmt) == SQLITE_ROW);
	queue_row_read(stmt, &detail, &row, &bytes);
	check_job(stmt, &row);
	queue_row_deinit(&row);
	queue_row_read_command(stmt, &detail, &command, &bytes);
	check_command(&command);
	queue_command_deinit(&command);
	queue_row_read_batch(stmt, &detail, &batch, &bytes);
	check_texts(batch.fault, batch.detail);
	check_text(batch.name, 200);
	must(batch.name && (batch.fault || batch.name[0]));
	queue_batch_deinit(&batch);
	buf_deinit(&detail);
	(void)sqlite3_reset(stmt);
	return 0;
}
