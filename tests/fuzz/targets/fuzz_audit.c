/*
 * audit.db with cells that nobody of ours wrote, and the commands that read it: whatever
 * stands there, what they print is printable, JSON is JSON, CSV has as many cells a line,
 * and `verify` says yes exactly where no cell of the table audit was changed.
 *
 * The first byte is the command, the second the format; then a change each: a byte for
 * the table, one for the column, one for the row, one for the kind of value, and the rest
 * of the line as the value.
 */
#include "../../component/test_ctl_fixture.h"
#include "ctl/csv.h"
#include "ctl/text.h"
#include "fuzz.h"

#include <jansson.h>

#define TABLES 8

static const char *const tables[TABLES] = {
	"audit", "job", "sign_in_token", "command", "batch", "hold", "daily", "pause"};

/* Of each table: changes of a cell by the column, and all of it as one text. */
static struct {
	char *updates[32];
	int n;
	char *dump;
} plans[TABLES];

static char audit_path[160];
static char conf_path[160];
static struct buf good;
static char *good_audit; /* what the table audit says */

/* ---- a good file ---- */

static void write_history(void)
{
	struct ledger *ledger = scratch_ledger();
	AUTO(job) struct job a = fixture_job(1, "b"), b = fixture_job(2, "b");
	AUTO(job) struct job c = fixture_job(3, NULL), r = scratch_revoke(4, "sit_1");
	AUTO(job) struct job lost = fixture_job(5, "b");
	struct ledger_command command = {.id = 1,
		.verb = QUEUE_CANCEL,
		.job_id = 3,
		.action = -1,
		.requested_by = (char *)(uintptr_t) "ana"};
	const struct ledger_outcome revoked = {.event = EVENT_ANSWERED,
		.effect = EFFECT_APPLIED,
		.state = JOB_SUCCEEDED,
		.result = JOB_RESULT_REVOKED,
		.token_valid = true};
	AUTO(answer) struct answer answer = scratch_token_answer("sit_1", "user_1");
	enum job_state state;

	fixture_begin(ledger, FIXTURE_NOON);
	OK(ledger_note(ledger, EVENT_STARTED, "{}", &err));
	OK(ledger_hold(ledger, "outage", "5 failures", "an answer", &err));
	fixture_commit(ledger);
	fixture_do_create(ledger, &a, "sit_1");
	fixture_do_create(ledger, &b, NULL);
	fixture_begin(ledger, FIXTURE_NOON + 2000);
	OK(ledger_accept(ledger, &c, "{}", &err));
	OK(ledger_cancel_job(ledger, 3, 1, &state, &err));
	OK(ledger_command_end(ledger, &command, false, "1 job cancelled", &err));
	OK(ledger_accept(ledger, &r, "{}", &err));
	OK(ledger_sent(ledger, &r, &err));
	answer.token.status = TOKEN_REVOKED;
	secret_deinit(&answer.token.token);
	OK(ledger_answered(ledger, &r, &answer, &revoked, &err));
	OK(ledger_accept(ledger, &lost, "{}", &err));
	OK(ledger_sent(ledger, &lost, &err));
	fixture_commit(ledger);
	ledger_free(ledger);
}

/* For this file alone: its triggers are there to keep people from doing this. */
static sqlite3 *open_audit(void)
{
	sqlite3 *db = NULL;

	must(sqlite3_open(audit_path, &db) == SQLITE_OK);
	must(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK);
	must(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
	return db;
}

static void plan(sqlite3 *db, int table)
{
	AUTO(free_ptr)
	char *sql = xasprintf("SELECT name FROM pragma_table_info('%s')", tables[table]);
	struct buf dump = BUF_NULL;
	sqlite3_stmt *stmt;

	buf_puts(&dump, "SELECT group_concat('('");
	must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *column = (const char *)sqlite3_column_text(stmt, 0);

		buf_printf(&dump, "||','||quote(CAST(%s AS BLOB))||typeof(%s)", column,
			column);
		/* Some have no rowid; the first columns of those are the key. */
		plans[table].updates[plans[table].n++] =
			xasprintf(!strcmp(tables[table], "daily")
					  ? "UPDATE %s SET %s = ? WHERE (day, action, "
					    "kind, word) = "
					    "(SELECT day, action, kind, word FROM %s "
					    "LIMIT 1 OFFSET ?)"
					  : "UPDATE %s SET %s = ? WHERE rowid = "
					    "(SELECT rowid FROM %s LIMIT 1 OFFSET ?)",
				tables[table], column, tables[table]);
	}
	(void)sqlite3_finalize(stmt);
	buf_printf(&dump, ") FROM (SELECT * FROM %s ORDER BY 1)", tables[table]);
	plans[table].dump = dump.data;
}

static char *dump(sqlite3 *db, int table)
{
	sqlite3_stmt *stmt;
	char *text = NULL;

	must(sqlite3_prepare_v2(db, plans[table].dump, -1, &stmt, NULL) == SQLITE_OK);
	must(sqlite3_step(stmt) == SQLITE_ROW);
	if (sqlite3_column_text(stmt, 0))
		text = xstrdup((const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	return text;
}

static void read_good(void)
{
	FILE *file = fopen(audit_path, "re");
	char chunk[8192];
	size_t n;

	must(file != NULL);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(&good, chunk, n);
	(void)fclose(file);
}

static void prepare(void)
{
	void *state;
	sqlite3 *db;

	if (good.len)
		return;
	must(setenv("TMPDIR", fuzz_folder(), 1) == 0);
	(void)fixture_setup(&state);
	write_history();
	(void)snprintf(
		audit_path, sizeof(audit_path), "%s/audit/audit.db", scratch_folder());
	(void)snprintf(
		conf_path, sizeof(conf_path), "%s/clerk-tokend.conf", scratch_folder());
	db = open_audit();
	for (int i = 0; i < TABLES; i++)
		plan(db, i);
	good_audit = dump(db, 0);
	must(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) ==
		SQLITE_OK);
	must(sqlite3_close(db) == SQLITE_OK);
	read_good();
}

/* ---- changes ---- */

static void remove_side(const char *end)
{
	AUTO(free_ptr) char *path = xasprintf("%s%s", audit_path, end);

	(void)unlink(path);
}

static void put_good(void)
{
	FILE *file;

	remove_side("-wal");
	remove_side("-shm");
	file = fopen(audit_path, "we");
	must(file != NULL && fwrite(good.data, 1, good.len, file) == good.len);
	must(fclose(file) == 0);
}

static void bind(sqlite3_stmt *stmt, unsigned kind, const char *bytes, size_t len)
{
	switch (kind % 4) {
	case 0:
		(void)sqlite3_bind_null(stmt, 1);
		break;
	case 1:
		(void)sqlite3_bind_int64(stmt, 1, atoll(bytes));
		break;
	default:
		(void)sqlite3_bind_text(stmt, 1, bytes, (int)len, SQLITE_TRANSIENT);
	}
}

static void change(sqlite3 *db, struct fuzz_input *input)
{
	int table = fuzz_byte(input) % TABLES;
	int column = fuzz_byte(input) % plans[table].n;
	int row = fuzz_byte(input) % 32;
	unsigned kind = fuzz_byte(input);
	const uint8_t *value = input->data;
	size_t len = input->len;
	AUTO(free_ptr) char *line = fuzz_line(input);
	sqlite3_stmt *stmt;

	/* As long as the line is, whatever NULs are in it. */
	len -= input->len;
	len -= len && value[len - 1] == '\n';
	must(sqlite3_prepare_v2(db, plans[table].updates[column], -1, &stmt, NULL) ==
		SQLITE_OK);
	bind(stmt, kind, line, len);
	(void)sqlite3_bind_int(stmt, 2, row);
	(void)sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
}

/* Returns whether the table audit says something else than before, where asked for. */
static bool change_all(struct fuzz_input *input, bool compare)
{
	AUTO(free_ptr) char *now = NULL;
	sqlite3 *db;

	put_good();
	db = open_audit();
	for (int i = 0; i < 16 && input->len >= 4; i++)
		change(db, input);
	now = compare ? dump(db, 0) : NULL;
	must(sqlite3_close(db) == SQLITE_OK);
	return compare && (!now || strcmp(now, good_audit) != 0);
}

/* ---- commands ---- */

static const struct {
	const char *words[5];
	bool csv; /* it has --csv, of one list */
} commands[] = {
	{{"verify"}, false},
	{{"jobs"}, true},
	{{"audit"}, true},
	{{"tokens"}, true},
	{{"batches"}, true},
	{{"job", "1"}, false},
	{{"job", "4"}, false},
	{{"explain", "1"}, false},
	{{"explain", "2"}, false},
	{{"explain", "3"}, false},
	{{"explain", "5"}, false},
	{{"token", "sit_1"}, false},
	{{"report", "summary"}, true},
	{{"report", "tokens"}, true},
	{{"report", "failures"}, true},
	{{"report", "unknown"}, true},
	{{"report", "outstanding"}, true},
	{{"report", "daily"}, true},
	{{"report", "latency"}, true},
	{{"report", "requesters"}, true},
	{{"report", "summary", "--format", "html"}, false},
	{{"report", "tokens", "--format", "html"}, false},
	{{"report", "unknown", "--format", "html"}, false},
	{{"audit", "--event", "sent"}, true},
};

static void check_lines(const struct buf *text)
{
	size_t start = 0;

	must(!text->len || strlen(text->data) == text->len);
	for (size_t i = 0; i < text->len;) {
		uint32_t code;
		size_t n = text_decode(text->data + i, text->len - i, &code);

		must(code == '\n' || code == '\r' || code == '\t' ||
			!text_is_hidden(code));
		i += n;
		start = i;
	}
	must(start == text->len);
}

static void check_csv(const struct buf *text)
{
	AUTO(csv) struct csv csv;
	struct error err = ERROR_NULL;
	size_t n_cells = 0;
	int rc;

	csv_init(&csv, buf_str(text), text->len);
	while ((rc = csv_next(&csv, &err)) == 0) {
		must(!n_cells || csv.n_cells == n_cells ||
			(csv.n_cells >= 1 && *buf_str(&csv.cells[0]) == '#'));
		n_cells = n_cells ? n_cells : csv.n_cells;
	}
	must(rc == CSV_E_END);
}

static void check_json(const struct buf *text)
{
	json_t *json;

	if (!text->len)
		return;
	json = json_loads(text->data, JSON_DECODE_ANY, NULL);
	must(json != NULL);
	json_decref(json);
}

/* An entity behind a &, as far as the document needs any. */
static size_t entity_len(const char *at)
{
	size_t n = strspn(at + 1, "#abcdefghijklmnopqrstuvwxyz0123456789") + 1;

	return n > 1 && at[n] == ';' ? n + 1 : 0;
}

/* Reads `name="value" …` up to the > and returns what stands behind it; *ret_empty: it
 * ends with a slash. */
static const char *skip_attributes(const char *at, bool *ret_empty)
{
	for (;;) {
		at += strspn(at, " \n\t");
		*ret_empty = *at == '/';
		at += *ret_empty;
		if (*at == '>')
			return at + 1;
		must(!*ret_empty);
		at += strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-:"
				 "0123456789");
		must(at[0] == '=' && at[1] == '"');
		at += 2;
		for (; *at != '"'; at++) {
			must(*at && *at != '<');
			must(*at != '&' || entity_len(at));
		}
		at++;
	}
}

/* The document is well-formed, so no text of others has become a part of it. */
static void check_html(const struct buf *text)
{
	char open[64][24];
	const char *at = buf_str(text);
	int depth = 0;

	while (*at) {
		bool end, empty;
		size_t n;

		if (*at == '&')
			must(entity_len(at));
		if (*at++ != '<')
			continue;
		if (*at == '!') {
			at += strcspn(at, ">");
			continue;
		}
		end = *at == '/';
		at += end;
		n = strspn(at,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		must(n && n < sizeof(open[0]) && depth < 64);
		must(!end || (depth && strlen(open[depth - 1]) == n &&
				     !strncmp(open[depth - 1], at, n)));
		if (!end)
			(void)snprintf(open[depth], sizeof(open[0]), "%.*s", (int)n, at);
		must(strncmp(at, "zz", n) != 0 && strncmp(at, "script", 6) != 0);
		at = skip_attributes(at + n, &empty);
		/* What a style holds is no markup. */
		if (!end && !strcmp(open[depth], "style"))
			at = strstr(at, "</style>");
		must(at != NULL);
		depth += end ? -1 : empty ? 0 : 1;
	}
	must(depth == 0);
}

static int run(unsigned which, const char *format)
{
	const char *words[12] = {"clerk-tokenctl", "-c", conf_path};
	int argc = 3, status;

	for (int i = 0; i < 5 && commands[which].words[i]; i++)
		words[argc++] = commands[which].words[i];
	if (format)
		words[argc++] = format;
	fuzz_io_begin();
	status = ctl_main(argc, (char **)(uintptr_t)words);
	fuzz_io_end();
	return status;
}

static void show(unsigned which, unsigned as)
{
	bool html =
		commands[which].words[2] && !strcmp(commands[which].words[2], "--format");
	const char *format = html || which == 0                   ? NULL
			     : as % 3 == 1                        ? "--json"
			     : as % 3 == 2 && commands[which].csv ? "--csv"
								  : NULL;
	int status = run(which, format);

	must(status == CTL_OK || status == CTL_NO || status == CTL_MISSING);
	check_lines(&fuzz_io.out);
	check_lines(&fuzz_io.err);
	must(status == CTL_OK || fuzz_io.err.len || fuzz_io.out.len);
	if (html)
		check_html(&fuzz_io.out);
	else if (format && !strcmp(format, "--json"))
		check_json(&fuzz_io.out);
	else if (format)
		check_csv(&fuzz_io.out);
}

/* The line itself, not a cell with these words that a finding quotes. */
static bool chain_is_ok(const char *text)
{
	const char words[] = "chain: ok";

	while (text && strncmp(text, words, strlen(words)) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text != NULL;
}

/* fault: D9 L6 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	unsigned which = fuzz_byte(&input) % ARRAY_LEN(commands);
	unsigned as = fuzz_byte(&input);
	bool changed;

	prepare();
	changed = change_all(&input, which == 0);
	show(which, as);
	if (which == 0)
		must(changed != chain_is_ok(buf_str(&fuzz_io.out)));
	return 0;
}
