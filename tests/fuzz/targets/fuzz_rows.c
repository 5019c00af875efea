/*
 * Any bytes as the file of `create --from` and `revoke --from`: refused with lines that
 * name the file and the line, or taken whole. What is taken is within the contract, the
 * queue's tables take it, the daemon takes it, and written again, as CSV and as one JSON
 * object a line, it is the same.
 *
 * The first byte: odd = revokes. The file follows.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "ctl/rows_file.h"
#include "ctl/text.h"
#include "store/queue.h"
#include "store/queue_row.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *name;
	size_t offset;
	size_t max;
} texts[] = {
	{"user_id", offsetof(struct row, user_id), 128},
	{"org_id", offsetof(struct row, org_id), 128},
	{"sign_in_token_id", offsetof(struct row, sign_in_token_id), 128},
	{"batch", offsetof(struct row, batch), 200},
	{"not_before", offsetof(struct row, not_before), 19},
	{"not_after", offsetof(struct row, not_after), 19},
	{"idempotency_key", offsetof(struct row, idempotency_key), 200},
	{"reference", offsetof(struct row, reference), 200},
	{"requested_by", offsetof(struct row, requested_by), 200},
	{"reason", offsetof(struct row, reason), 2000},
};

static const char *text_of(const struct row *row, size_t i)
{
	return *(char *const *)((const char *)row + texts[i].offset);
}

/* ---- what is said ---- */

static void check_said_line(const char *line, const char *path, size_t n_lines)
{
	static const char name[] = "clerk-tokenctl: ";
	size_t path_len = strlen(path);
	int64_t number;
	char digits[24];

	must(fuzz_is_line(line));
	must(!strncmp(line, name, strlen(name)));
	line += strlen(name);
	if (!strncmp(line, "… and ", strlen("… and ")))
		return;
	must(!strncmp(line, path, path_len) && line[path_len] == ':');
	line += path_len + 1;
	if (*line < '0' || *line > '9')
		return;
	(void)snprintf(
		digits, sizeof(digits), "%.*s", (int)strspn(line, "0123456789"), line);
	must(parse_int64(digits, 1, (int64_t)n_lines, &number));
	must(!strncmp(line + strlen(digits), ": ", 2) && line[strlen(digits) + 2]);
}

/* Returns how many lines there were. */
static int check_said(const char *path, const struct fuzz_input *file)
{
	size_t n_lines = 1;
	char *rest = fuzz_io.err.data, *line;
	int n = 0;

	for (size_t i = 0; i < file->len; i++)
		n_lines += file->data[i] == '\n';
	must(!fuzz_io.out.len);
	if (!fuzz_io.err.len)
		return 0;
	must(rest[fuzz_io.err.len - 1] == '\n');
	must(strlen(rest) == fuzz_io.err.len);
	rest[fuzz_io.err.len - 1] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		check_said_line(line, path, n_lines);
		n++;
	}
	return n;
}

/* ---- what was taken ---- */

static void check_row(const struct rows *rows, const struct row *row)
{
	bool create = !strcmp(rows->action, "create");
	int64_t ms;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *text = text_of(row, i);

		must(!text || (*text && !parse_text_fault(text, strlen(text),
						texts[i].max, texts[i].max > 200)));
	}
	must(create ? row->user_id && !row->sign_in_token_id
		    : row->sign_in_token_id && !row->user_id && !row->org_id &&
				!row->expires_in_seconds);
	must(!row->user_id || parse_clerk_id(row->user_id, strlen(row->user_id)));
	must(!row->org_id || parse_clerk_id(row->org_id, strlen(row->org_id)));
	must(!row->sign_in_token_id ||
		parse_clerk_id(row->sign_in_token_id, strlen(row->sign_in_token_id)));
	must(row->priority == READER_NO_PRIORITY ||
		(row->priority >= -100 && row->priority <= 100));
	must(row->expires_in_seconds >= 0 &&
		row->expires_in_seconds <= INT64_C(3155760000));
	must(!row->not_before || clock_parse(row->not_before, &ms));
	must(!row->not_after || clock_parse(row->not_after, &ms));
	must(row->line >= 1 && !row->job_id && !row->twin);
}

/* ---- written again ---- */

static void put_csv_cell(struct buf *csv, const char *text)
{
	buf_puts(csv, csv->len && csv->data[csv->len - 1] != '\n' ? ",\"" : "\"");
	for (; text && *text; text++) {
		if (*text == '"')
			buf_putc(csv, '"');
		buf_putc(csv, *text);
	}
	buf_putc(csv, '"');
}

static bool is_column_of(const struct rows *rows, const char *name)
{
	return rows_check_column(rows, name, NULL) == 0;
}

static void write_csv(const struct rows *rows, struct buf *csv)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (is_column_of(rows, texts[i].name))
			put_csv_cell(csv, texts[i].name);
	buf_puts(csv, ",priority,action");
	buf_puts(csv, is_column_of(rows, "org_id") ? ",expires_in_seconds\r\n" : "\r\n");
	for (size_t n = 0; n < rows->n; n++) {
		const struct row *row = &rows->rows[n];

		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			if (is_column_of(rows, texts[i].name))
				put_csv_cell(csv, text_of(row, i));
		buf_putc(csv, ',');
		if (row->priority != READER_NO_PRIORITY)
			buf_printf(csv, "%lld", (long long)row->priority);
		buf_printf(csv, ",%s", rows->action);
		if (is_column_of(rows, "org_id"))
			buf_putc(csv, ',');
		if (row->expires_in_seconds)
			buf_printf(csv, "%lld", (long long)row->expires_in_seconds);
		buf_puts(csv, "\r\n");
	}
}

static void write_json(const struct rows *rows, struct buf *lines)
{
	for (size_t n = 0; n < rows->n; n++) {
		const struct row *row = &rows->rows[n];
		json_t *object = json_object();
		char *line;

		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			if (text_of(row, i))
				(void)json_object_set_new(object, texts[i].name,
					json_string(text_of(row, i)));
		if (row->priority != READER_NO_PRIORITY)
			(void)json_object_set_new(
				object, "priority", json_integer(row->priority));
		if (row->expires_in_seconds)
			(void)json_object_set_new(object, "expires_in_seconds",
				json_integer(row->expires_in_seconds));
		line = json_dumps(object, n % 2 ? JSON_ENSURE_ASCII : 0);
		must(line != NULL);
		buf_puts(lines, line);
		buf_putc(lines, '\n');
		free(line);
		json_decref(object);
	}
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void check_same(const struct rows *rows, const struct buf *file)
{
	AUTO(rows) struct rows again = {.action = rows->action};
	int status;

	fuzz_io_begin();
	status = rows_file_read(fuzz_file("again", file->data, file->len), &again);
	fuzz_io_end();
	must(status == CTL_OK && !fuzz_io.err.len && again.n == rows->n);
	for (size_t n = 0; n < rows->n; n++) {
		const struct row *a = &rows->rows[n], *b = &again.rows[n];

		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			must(same(text_of(a, i), text_of(b, i)));
		must(a->priority == b->priority);
		must(a->expires_in_seconds == b->expires_in_seconds);
	}
}

/* ---- those who take it next ---- */

static struct reader_queue *open_queue(void)
{
	static struct reader_queue *reader;
	static char folder[100];
	struct queue_options options = {.folder = folder};
	struct queue_cursor cursor = {0};
	struct queue *queue;

	if (reader)
		return reader;
	(void)snprintf(folder, sizeof(folder), "%s/queue", fuzz_folder());
	must(mkdir(folder, 0700) == 0);
	queue_new(&options, &queue);
	must(queue_ensure(queue, &cursor, NULL, NULL) == 0);
	queue_free(queue);
	must(reader_queue_open(folder, &reader, NULL) == 0);
	return reader;
}

static bool has_key_before(const struct rows *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows->rows[n].idempotency_key &&
			same(rows->rows[i].idempotency_key,
				rows->rows[n].idempotency_key))
			return true;
	return false;
}

static void check_tables(const struct rows *rows)
{
	struct reader_queue *queue = open_queue();
	struct error err = ERROR_NULL;

	must(reader_queue_begin(queue, &err) == 0);
	for (size_t n = 0; n < rows->n && n < 20; n++) {
		struct reader_request request;
		int64_t id;

		rows_request(rows, &rows->rows[n], &request);
		if (has_key_before(rows, n))
			continue;
		must(reader_queue_add_job(queue, &request, &id, &err) == 0);
	}
	reader_queue_rollback(queue);
}

static void bind(sqlite3_stmt *stmt, int at, const char *text)
{
	must(sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static void check_daemon(const struct rows *rows, const struct row *row)
{
	static sqlite3_stmt *stmt;
	static sqlite3 *db;
	struct buf detail = BUF_NULL;
	struct queue_row taken;
	size_t bytes;

	if (!stmt) {
		must(sqlite3_open(":memory:", &db) == SQLITE_OK);
		must(sqlite3_prepare_v2(db,
			     "SELECT 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
			     " '2026-01-02 03:04:05'",
			     -1, &stmt, NULL) == SQLITE_OK);
	}
	(void)sqlite3_clear_bindings(stmt);
	bind(stmt, 1, rows->action);
	bind(stmt, 2, row->user_id);
	bind(stmt, 3, row->org_id);
	if (row->expires_in_seconds)
		(void)sqlite3_bind_int64(stmt, 4, row->expires_in_seconds);
	bind(stmt, 5, row->sign_in_token_id);
	bind(stmt, 6, row->batch);
	if (row->priority != READER_NO_PRIORITY)
		(void)sqlite3_bind_int64(stmt, 7, row->priority);
	bind(stmt, 8, row->not_before);
	bind(stmt, 9, row->not_after);
	bind(stmt, 10, row->idempotency_key);
	bind(stmt, 11, row->reference);
	bind(stmt, 12, row->requested_by ? row->requested_by : "");
	bind(stmt, 13, row->reason);
	must(sqlite3_step(stmt) == SQLITE_ROW);
	queue_row_read(stmt, &detail, &taken, &bytes);
	must(!taken.fault);
	must(same(taken.job.user_id, row->user_id) &&
		same(taken.job.reason, row->reason) &&
		same(taken.job.idempotency_key, row->idempotency_key));
	queue_row_deinit(&taken);
	buf_deinit(&detail);
	(void)sqlite3_reset(stmt);
}

static void check_taken(const struct rows *rows)
{
	AUTO(buf) struct buf csv = BUF_NULL;
	AUTO(buf) struct buf json = BUF_NULL;

	must(rows->n);
	for (size_t i = 0; i < rows->n; i++) {
		check_row(rows, &rows->rows[i]);
		check_daemon(rows, &rows->rows[i]);
	}
	write_csv(rows, &csv);
	check_same(rows, &csv);
	write_json(rows, &json);
	check_same(rows, &json);
	check_tables(rows);
}

/* fault: L10 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	AUTO(rows) struct rows rows = {0};
	const char *path;
	int status, n_said;

	rows.action = fuzz_byte(&input) & 1 ? "revoke" : "create";
	path = fuzz_file("rows", input.data, input.len);
	fuzz_io_begin();
	status = rows_file_read(path, &rows);
	fuzz_io_end();
	path = fuzz_file("rows", input.data, input.len);
	n_said = check_said(path, &input);
	must(status == CTL_OK || status == CTL_USAGE);
	must(status == CTL_OK ? n_said == 0 : n_said > 0 && n_said <= 22);
	if (status == CTL_OK)
		check_taken(&rows);
	return 0;
}
