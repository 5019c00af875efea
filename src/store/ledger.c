/*
 * Opening, the turn, the audit's rows. The moves of jobs are in ledger_job.c and
 * ledger_answer.c, operator commands in ledger_command.c, what the daemon remembers of
 * itself in ledger_state.c.
 */
#include "base/mem.h"
#include "store/ledger_internal.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WAL_LIMIT_BYTES (1 << 20)
#define PAGE_BYTES      4096 /* SQLite's default; only for sizes that are said */

static const struct sql_text texts[] = {
#define SQL(stem, text) {#stem, text},
#include "audit_query.inc"
#undef SQL
};

/* How many frames the WAL has after each commit: what a checkpoint goes by. */
static int on_wal(void *userdata, sqlite3 *db, const char *name, int frames)
{
	struct ledger *ledger = userdata;

	(void)db;
	(void)name;
	ledger->wal_frames = frames;
	return SQLITE_OK;
}

int ledger_append(struct ledger *ledger, struct audit_row *row, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_audit_insert);
	unsigned char hash[CHAIN_HASH_LEN];
	char hex[CHAIN_HEX_LEN];
	struct chain chain;
	int at = 1;

	assert(ledger->in_turn);
	row->seq = ledger->now.head.seq + 1;
	row->at = ledger->now_text;
	chain_begin(&chain, ledger->now.head.hash);
#define AUDIT_TEXT(column)                                                               \
	if (row->column) {                                                               \
		chain_text(&chain, #column, row->column);                                \
		(void)sqlite3_bind_text(stmt, at, row->column, -1, SQLITE_STATIC);       \
	}                                                                                \
	at++;
#define AUDIT_NUMBER(column, is_set)                                                     \
	if (is_set) {                                                                    \
		chain_int(&chain, #column, row->column);                                 \
		(void)sqlite3_bind_int64(stmt, at, row->column);                         \
	}                                                                                \
	at++;
#define AUDIT_INT(column)  AUDIT_NUMBER(column, row->column != 0)
#define AUDIT_SPAN(column) AUDIT_NUMBER(column, row->column >= 0)
#include "store/audit.def"
	chain_end(&chain, hash);
	chain_hex(hash, hex);
	(void)sqlite3_bind_text(stmt, at, hex, -1, SQLITE_STATIC);
	ledger->wrote = true;
	if (sql_run(stmt, NULL, err) < 0)
		return -1;
	ledger->now.head.seq = row->seq;
	memcpy(ledger->now.head.hash, hash, sizeof(hash));
	rollup_add(&ledger->now.rollup, &(struct rollup_row){.event = row->event,
						.job_state = row->job_state,
						.action = row->action,
						.effect = row->effect,
						.http_status = row->http_status,
						.duration_ms = row->duration_ms});
	return 0;
}

static void unhex(const char *hex, unsigned char ret_hash[CHAIN_HASH_LEN])
{
	size_t len = 0;

	if (sodium_hex2bin(
		    ret_hash, CHAIN_HASH_LEN, hex, strlen(hex), NULL, &len, NULL) != 0 ||
		len != CHAIN_HASH_LEN)
		memset(ret_hash, 0, CHAIN_HASH_LEN);
}

static int load_head(struct ledger *ledger, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_audit_head);
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		chain_genesis(ledger->now.head.hash);
		return 0;
	}
	ledger->now.head.seq = sqlite3_column_int64(stmt, 0);
	unhex(sql_text(stmt, 1), ledger->now.head.hash);
	return 0;
}

static int load_max_job(struct ledger *ledger, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_max_id);

	if (sql_step(stmt, err) < 0)
		return -1;
	ledger->now.max_job_id = sqlite3_column_int64(stmt, 0);
	return 0;
}

static int action_of(const char *word)
{
	int action = job_action_parse(word);

	return action < 0 ? JOB_ACTION__MAX : action;
}

static int load_tally(struct ledger *ledger, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_tally_list);
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		int state = job_state_parse(sql_text(stmt, 1));

		if (state >= 0)
			ledger->now.tally[action_of(sql_text(stmt, 0))][state] =
				sqlite3_column_int64(stmt, 2);
	}
	return rc;
}

static int load_progress(struct ledger *ledger, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_progress_get);
	struct ledger_progress *p = &ledger->now.progress;
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	if (rc != SQL_ROW)
		return error_set(err, "audit.db: table progress has lost its row");
	p->cursor.job = sqlite3_column_int64(stmt, 0);
	p->cursor.urgent = sqlite3_column_int64(stmt, 1);
	p->cursor.command = sqlite3_column_int64(stmt, 2);
	p->retry_after_ms = ledger_read_time(stmt, 3);
	p->clock_ms[JOB_CREATE] = sqlite3_column_int64(stmt, 4);
	p->clock_ms[JOB_REVOKE] = sqlite3_column_int64(stmt, 5);
	(void)stpncpy(p->key_kind, sql_text(stmt, 6) ? sql_text(stmt, 6) : "",
		sizeof(p->key_kind) - 1);
	p->purge_from_seq = sqlite3_column_int64(stmt, 7);
	(void)stpncpy(p->boot_id, sql_text(stmt, 8) ? sql_text(stmt, 8) : "",
		sizeof(p->boot_id) - 1);
	p->boot_ms = sqlite3_column_int64(stmt, 9);
	p->step_ms = sqlite3_column_int64(stmt, 11);
	p->step_boot_ms = sqlite3_column_int64(stmt, 12);
	p->wall_ms = sqlite3_column_int64(stmt, 10);
	return 0;
}

/* A purge was carried out before the commit that carries its mark; a tokens.db that is
 * behind its purges is an old copy, which has the secrets again. */
static void purge_again(struct ledger *ledger, const struct tokens_mark *mark)
{
	if (mark->seq + 1 >= ledger->now.progress.purge_from_seq)
		return;
	ledger->now.progress.purge_from_seq = mark->seq + 1;
	ledger->committed = ledger->now;
}

/* tokens.db remembers how far audit.db had got: an audit.db behind that is an old copy,
 * and going on with it would send old rows again. */
static int check_mark(struct ledger *ledger, bool accept, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_audit_hash_at);
	int64_t highest = ledger->now.progress.cursor.job;
	struct tokens_mark mark;
	int rc;

	if (tokens_mark(ledger->tokens, &mark, err) < 0)
		return -1;
	if (mark.seq == 0)
		return 0;
	ledger->mark_job_id = mark.job_id;
	purge_again(ledger, &mark);
	if (highest < ledger->now.max_job_id)
		highest = ledger->now.max_job_id;
	sql_bind(stmt, "i", mark.seq);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == SQL_ROW && !strcmp(sql_text(stmt, 0), mark.hash) &&
		highest >= mark.job_id)
		return 0;
	ledger->restored = true;
	if (accept)
		return 0;
	(void)error_set(err,
		"audit.db went backwards: it ends at row %lld, job %lld, but tokens.db "
		"has "
		"seen row %lld, job %lld. Put the newest audit.db back, or start "
		"clerk-tokend once with --accept-restore (it then starts paused)",
		(long long)ledger->now.head.seq, (long long)highest, (long long)mark.seq,
		(long long)mark.job_id);
	return LEDGER_E_RESTORED;
}

static int load(struct ledger *ledger, bool accept, struct error *err)
{
	if (sql_prepare(ledger->audit, texts, AQ__MAX, ledger->stmts, err) < 0 ||
		load_head(ledger, err) < 0 || load_max_job(ledger, err) < 0 ||
		load_tally(ledger, err) < 0 || load_progress(ledger, err) < 0)
		return -1;
	db_note_place(ledger->audit, &ledger->place);
	/* `purged` rows of the last run may not have been carried out. */
	ledger->now.purging = true;
	ledger->committed = ledger->now;
	return check_mark(ledger, accept, err);
}

int ledger_open(const struct ledger_options *options, struct ledger **ret_ledger,
	struct error *err)
{
	AUTO(free_ptr)
	char *audit = xasprintf("%s/audit/audit.db", options->state_directory);
	AUTO(free_ptr)
	char *tokens = xasprintf("%s/tokens/tokens.db", options->state_directory);
	struct ledger *ledger = xcalloc(1, sizeof(*ledger));
	int rc = db_open_owned(audit, &db_audit, &ledger->audit, err);

	if (rc == 0) {
		(void)sqlite3_wal_hook(ledger->audit, on_wal, ledger);
		rc = tokens_open(tokens, &ledger->tokens, err);
	}
	if (rc == 0)
		rc = load(ledger, options->accept_restore, err);
	else if (rc == DB_E_FULL)
		rc = LEDGER_E_FULL;
	if (rc == 0)
		*ret_ledger = ledger;
	else
		ledger_free(ledger);
	return rc;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger_rollback(ledger);
	sql_finalize(ledger->stmts, AQ__MAX);
	db_close(ledger->audit);
	tokens_free(ledger->tokens);
	free(ledger);
}

bool ledger_was_restored(const struct ledger *ledger)
{
	return ledger->restored;
}

int64_t ledger_mark_job_id(const struct ledger *ledger)
{
	return ledger->mark_job_id;
}

int ledger_begin(struct ledger *ledger, struct now now, struct error *err)
{
	assert(!ledger->in_turn);
	ledger->moment = now;
	clock_format(now.wall_ms, ledger->now_text);
	if (sql_exec(ledger->audit, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	ledger->in_turn = true;
	ledger->wrote = false;
	return 0;
}

static int save_tally(struct ledger *ledger, struct error *err)
{
	for (int action = 0; action <= JOB_ACTION__MAX; action++) {
		const char *word =
			action == JOB_ACTION__MAX ? "" : job_action_name(action);

		for (int state = 0; state < JOB_STATE__MAX; state++) {
			sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_tally_put);

			if (!(ledger->tally_dirty[action] >> state & 1))
				continue;
			sql_bind(stmt, "tti", word, job_state_name(state),
				ledger->now.tally[action][state]);
			if (sql_run(stmt, NULL, err) < 0)
				return -1;
		}
		ledger->tally_dirty[action] = 0;
	}
	return 0;
}

static int add_count(void *userdata, const struct rollup_count *count, struct error *err)
{
	struct ledger *ledger = userdata;
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_daily_add);
	char day[ROLLUP_DAY_LEN];

	rollup_day(ledger->now_text, day);
	sql_bind(stmt, "tttti", day, count->action, count->kind, count->word, count->n);
	return sql_run(stmt, NULL, err);
}

/* The rows of a turn are of one moment, and so of one day. */
static int save_rollup(struct ledger *ledger, struct error *err)
{
	if (rollup_each(&ledger->now.rollup, add_count, ledger, err) < 0)
		return -1;
	memset(&ledger->now.rollup, 0, sizeof(ledger->now.rollup));
	return 0;
}

static int save_progress(struct ledger *ledger, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_progress_set);
	struct ledger_progress *p = &ledger->now.progress;
	char text[CLOCK_TEXT_LEN];

	/* What was written before is carried out. */
	if (!ledger->now.purging)
		p->purge_from_seq = ledger->now.head.seq + 1;
	p->boot_ms = ledger->moment.mono_ms;
	p->wall_ms = ledger->moment.wall_ms;
	sql_bind(stmt, "iiitiititiiii", p->cursor.job, p->cursor.urgent,
		p->cursor.command, ledger_time(p->retry_after_ms, text),
		p->clock_ms[JOB_CREATE], p->clock_ms[JOB_REVOKE],
		*p->key_kind ? p->key_kind : NULL, p->purge_from_seq,
		*p->boot_id ? p->boot_id : NULL, p->boot_ms, p->wall_ms, p->step_ms,
		p->step_boot_ms);
	return sql_run(stmt, NULL, err);
}

/* The audit as it stood before this turn: tokens.db commits first. */
static void make_mark(const struct ledger *ledger, struct tokens_mark *ret_mark)
{
	ret_mark->job_id = ledger->committed.max_job_id;
	ret_mark->seq = ledger->committed.head.seq;
	if (ret_mark->seq)
		chain_hex(ledger->committed.head.hash, ret_mark->hash);
	else
		ret_mark->hash[0] = '\0';
}

/* Whether the cursors or a time to wait for moved, though no row was written. */
static bool progressed(const struct ledger *ledger)
{
	const struct ledger_progress *a = &ledger->now.progress;
	const struct ledger_progress *b = &ledger->committed.progress;

	return memcmp(&a->cursor, &b->cursor, sizeof(a->cursor)) != 0 ||
	       a->retry_after_ms != b->retry_after_ms;
}

int ledger_commit(struct ledger *ledger, struct error *err)
{
	struct tokens_mark mark;

	assert(ledger->in_turn);
	if (ledger->wrote || progressed(ledger)) {
		if (save_tally(ledger, err) < 0 || save_rollup(ledger, err) < 0 ||
			save_progress(ledger, err) < 0)
			return -1;
	}
	make_mark(ledger, &mark);
	if (tokens_commit(ledger->tokens, &mark, err) < 0)
		return -1;
	if (sql_exec(ledger->audit, "COMMIT", err) < 0 ||
		ledger_check_place(ledger, err) < 0)
		return -1;
	ledger->in_turn = false;
	if (ledger->now.progress.cursor.job > ledger->now.max_job_id)
		ledger->now.max_job_id = ledger->now.progress.cursor.job;
	ledger->committed = ledger->now;
	return 0;
}

void ledger_rollback(struct ledger *ledger)
{
	if (ledger->tokens)
		tokens_rollback(ledger->tokens);
	if (!ledger->in_turn)
		return;
	(void)sqlite3_exec(ledger->audit, "ROLLBACK", NULL, NULL, NULL);
	memset(ledger->tally_dirty, 0, sizeof(ledger->tally_dirty));
	ledger->now = ledger->committed;
	ledger->in_turn = false;
}

bool ledger_is_full(const struct ledger *ledger)
{
	return db_is_full(ledger->audit) || tokens_is_full(ledger->tokens);
}

bool ledger_is_locked(const struct ledger *ledger)
{
	return db_is_locked(ledger->audit) || tokens_is_locked(ledger->tokens);
}

/* A checkpoint that a reader stopped is tried again after another limit's worth. */
static int checkpoint(struct ledger *ledger, bool idle, struct error *err)
{
	int64_t limit = WAL_LIMIT_BYTES / PAGE_BYTES;
	int rc;

	if (ledger->wal_frames - ledger->wal_tried < (idle ? 1 : limit))
		return 0;
	rc = db_checkpoint(ledger->audit, false, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		ledger->wal_frames = 0;
	ledger->wal_tried = ledger->wal_frames;
	return 0;
}

static int carry_out_purge(struct ledger *ledger, struct error *err)
{
	struct tokens_mark mark;

	if (!ledger->committed.purging)
		return 0;
	if (ledger_finish_purge(ledger, err) < 0)
		return -1;
	make_mark(ledger, &mark);
	if (tokens_commit(ledger->tokens, &mark, err) < 0)
		return -1;
	ledger->now.purging = ledger->committed.purging = false;
	ledger->now.progress.purge_from_seq = ledger->committed.head.seq + 1;
	return 0;
}

int ledger_tidy(struct ledger *ledger, bool idle, struct error *err)
{
	assert(!ledger->in_turn);
	if (carry_out_purge(ledger, err) < 0)
		return -1;
	if (checkpoint(ledger, idle, err) < 0)
		return -1;
	if (idle)
		db_forget_pages(ledger->audit);
	return tokens_checkpoint(
		ledger->tokens, idle ? TOKENS_IDLE : WAL_LIMIT_BYTES, err);
}

void ledger_shrink(struct ledger *ledger)
{
	struct error ignored = ERROR_NULL;

	assert(!ledger->in_turn);
	/* What does not work now is tried again by the next full turn. */
	if (db_checkpoint(ledger->audit, true, &ignored) == 0)
		ledger->wal_frames = ledger->wal_tried = 0;
	(void)tokens_checkpoint(ledger->tokens, 0, &ignored);
}

int ledger_set_mark(struct ledger *ledger, struct error *err)
{
	struct tokens_mark mark;

	assert(!ledger->in_turn);
	make_mark(ledger, &mark);
	if (tokens_begin(ledger->tokens, err) < 0 ||
		tokens_commit(ledger->tokens, &mark, err) < 0)
		return -1;
	return 0;
}

struct ledger_progress *ledger_progress(struct ledger *ledger)
{
	return &ledger->now.progress;
}

int64_t ledger_head(const struct ledger *ledger, char ret_hex[CHAIN_HEX_LEN])
{
	chain_hex(ledger->committed.head.hash, ret_hex);
	return ledger->committed.head.seq;
}

int64_t ledger_tally(const struct ledger *ledger, int action, enum job_state state)
{
	return ledger->now.tally[action][state];
}

void ledger_wal_bytes(
	const struct ledger *ledger, int64_t *ret_audit, int64_t *ret_tokens)
{
	*ret_audit = ledger->wal_frames * PAGE_BYTES;
	*ret_tokens = tokens_wal_bytes(ledger->tokens);
}
