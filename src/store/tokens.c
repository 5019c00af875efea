#include "store/tokens.h"

#include "base/mem.h"
#include "store/db.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096

enum tokens_query {
#define SQL(stem, text) TQ_##stem,
#include "tokens_query.inc"
#undef SQL
	TQ__MAX
};

static const struct sql_text texts[] = {
#define SQL(stem, text) {#stem, text},
#include "tokens_query.inc"
#undef SQL
};

struct tokens {
	sqlite3 *db;                  /* owned */
	sqlite3_stmt *stmts[TQ__MAX]; /* owned */
	struct db_place place;
	bool open;     /* a transaction is */
	bool deleted;  /* a secret went in it … */
	bool truncate; /* … and was committed: its bytes are still in the WAL */
	int64_t wal_frames;
	int64_t wal_tried;
};

static int on_wal(void *userdata, sqlite3 *db, const char *name, int frames)
{
	struct tokens *tokens = userdata;

	(void)db;
	(void)name;
	tokens->wal_frames = frames;
	return SQLITE_OK;
}

int tokens_open(const char *path, struct tokens **ret_tokens, struct error *err)
{
	struct tokens *tokens = xcalloc(1, sizeof(*tokens));
	int rc = db_open_owned(path, &db_tokens, &tokens->db, err);

	if (rc == 0) {
		(void)sqlite3_wal_hook(tokens->db, on_wal, tokens);
		rc = sql_prepare(tokens->db, texts, TQ__MAX, tokens->stmts, err);
	}
	/* What the last run removed may still stand in the WAL. */
	tokens->truncate = true;
	tokens->wal_tried = -1;
	if (rc == 0) {
		db_note_place(tokens->db, &tokens->place);
		*ret_tokens = tokens;
	} else {
		tokens_free(tokens);
	}
	return rc;
}

void tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return;
	sql_finalize(tokens->stmts, TQ__MAX);
	db_close(tokens->db);
	free(tokens);
}

int tokens_begin(struct tokens *tokens, struct error *err)
{
	if (tokens->open)
		return 0;
	if (sql_exec(tokens->db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	tokens->open = true;
	return 0;
}

int tokens_commit(
	struct tokens *tokens, const struct tokens_mark *mark, struct error *err)
{
	sqlite3_stmt *stmt = tokens->stmts[TQ_mark_set];

	if (!tokens->open)
		return 0;
	sql_bind(stmt, "iit", mark->job_id, mark->seq, mark->hash);
	if (sql_run(stmt, NULL, err) < 0 || sql_exec(tokens->db, "COMMIT", err) < 0)
		return -1;
	tokens->open = false;
	tokens->truncate = tokens->truncate || tokens->deleted;
	tokens->deleted = false;
	return 0;
}

void tokens_rollback(struct tokens *tokens)
{
	if (!tokens->open)
		return;
	(void)sqlite3_exec(tokens->db, "ROLLBACK", NULL, NULL, NULL);
	tokens->open = false;
	tokens->deleted = false;
}

bool tokens_is_full(const struct tokens *tokens)
{
	return db_is_full(tokens->db);
}

bool tokens_is_locked(const struct tokens *tokens)
{
	return db_is_locked(tokens->db);
}

int tokens_check_place(const struct tokens *tokens, struct error *err)
{
	return db_check_place(tokens->db, &tokens->place, err);
}

int tokens_mark(struct tokens *tokens, struct tokens_mark *ret_mark, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = tokens->stmts[TQ_mark_get];
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	*ret_mark = (struct tokens_mark){0};
	if (rc != SQL_ROW)
		return error_set(err, "tokens.db: table mark has lost its row");
	ret_mark->job_id = sqlite3_column_int64(stmt, 0);
	ret_mark->seq = sqlite3_column_int64(stmt, 1);
	(void)stpncpy(ret_mark->hash, sql_text(stmt, 2), sizeof(ret_mark->hash) - 1);
	return 0;
}

int tokens_put(struct tokens *tokens, const struct job *job, const struct answer *answer,
	const char *expires_at, struct error *err)
{
	sqlite3_stmt *stmt = tokens->stmts[TQ_secret_put];
	const struct token *token = &answer->token;
	char received[CLOCK_TEXT_LEN];
	int changes;

	if (tokens_begin(tokens, err) < 0)
		return -1;
	clock_format(answer->received.wall_ms, received);
	sql_bind(stmt, "tiissttiititti", token->id, job->id, (int64_t)job->attempts,
		&token->token, &token->url, token_status_name(token->status),
		token->user_id, token->created_at_ms, token->updated_at_ms, expires_at,
		(int64_t)answer->http_status, answer->trace_id, received,
		answer->duration_ms);
	if (sql_run(stmt, &changes, err) < 0)
		return (sqlite3_errcode(tokens->db) & 0xff) == SQLITE_CONSTRAINT
			       ? TOKENS_E_NONE
			       : -1;
	if (changes == 0) {
		(void)error_set(err, "the id belongs to another job's token");
		return TOKENS_E_NONE;
	}
	return 0;
}

/* A column that is a secret. */
static void read_secret(sqlite3_stmt *stmt, int column, struct secret *ret_secret)
{
	const char *text = sql_text(stmt, column);

	if (text)
		secret_init(ret_secret, text, (size_t)sqlite3_column_bytes(stmt, column));
}

int tokens_get(struct tokens *tokens, const struct job *job, const char *sent_at,
	struct answer *ret_answer, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = tokens->stmts[TQ_secret_by_job];
	struct answer answer = ANSWER_NULL;
	int rc;

	sql_bind(stmt, "iitt", job->id, (int64_t)job->attempts, job->user_id, sent_at);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return TOKENS_E_NONE;
	answer.kind = ANSWER_REPLY;
	answer.has_token = true;
	answer.token.id = sql_dup(stmt, 0);
	read_secret(stmt, 1, &answer.token.token);
	read_secret(stmt, 2, &answer.token.url);
	answer.token.status = TOKEN_PENDING;
	answer.token.user_id = sql_dup(stmt, 3);
	answer.token.created_at_ms = sqlite3_column_int64(stmt, 4);
	answer.token.updated_at_ms = sqlite3_column_int64(stmt, 5);
	answer.http_status = sqlite3_column_int(stmt, 6);
	answer.trace_id = sql_dup(stmt, 7);
	(void)clock_parse(sql_text(stmt, 8), &answer.received.wall_ms);
	answer.duration_ms = sqlite3_column_int64(stmt, 9);
	answer_move(&answer, ret_answer);
	return 0;
}

int tokens_has(
	struct tokens *tokens, const char *token_id, bool *ret_has, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = tokens->stmts[TQ_secret_has];
	int rc;

	sql_bind(stmt, "t", token_id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_has = rc == SQL_ROW;
	return 0;
}

int tokens_delete(struct tokens *tokens, const char *token_id, struct error *err)
{
	sqlite3_stmt *stmt = tokens->stmts[TQ_secret_delete];

	if (tokens_begin(tokens, err) < 0)
		return -1;
	tokens->deleted = true;
	sql_bind(stmt, "t", token_id);
	return sql_run(stmt, NULL, err);
}

int tokens_due(struct tokens *tokens, int64_t now_ms, int64_t received_before_ms, int max,
	int (*fn)(
		void *userdata, const char *token_id, const char *why, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *expired = tokens->stmts[TQ_secret_expired];
	AUTO(sql_reset) sqlite3_stmt *old = tokens->stmts[TQ_secret_old];
	char now[CLOCK_TEXT_LEN], before[CLOCK_TEXT_LEN];
	int n = 0, rc;

	clock_format(now_ms, now);
	clock_format(received_before_ms, before);
	sql_bind(expired, "ti", now, (int64_t)max);
	for (; (rc = sql_step(expired, err)) == SQL_ROW; n++)
		if (fn(userdata, sql_text(expired, 0), "expired", err) < 0)
			return -1;
	/* One that is both would be told twice: the old ones wait for the next call. */
	if (rc < 0 || n > 0)
		return rc;
	sql_bind(old, "ti", before, (int64_t)max);
	while ((rc = sql_step(old, err)) == SQL_ROW)
		if (fn(userdata, sql_text(old, 0), "retention", err) < 0)
			return -1;
	return rc;
}

int tokens_checkpoint(struct tokens *tokens, int64_t limit, struct error *err)
{
	int64_t frames = limit / PAGE_BYTES ? limit / PAGE_BYTES : 1;
	bool due = limit == 0 || tokens->wal_frames - tokens->wal_tried >= frames;
	bool truncate = tokens->truncate || limit == 0;
	/* A reader that stopped it may be gone by the time that nothing happens. */
	bool again = tokens->truncate &&
		     (limit <= TOKENS_IDLE || tokens->wal_frames > tokens->wal_tried);
	int rc;

	if (limit == TOKENS_IDLE)
		db_forget_pages(tokens->db);
	if (!due && !again)
		return 0;
	rc = db_checkpoint(tokens->db, truncate, err);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		tokens->wal_frames = 0;
		tokens->truncate = false;
	}
	tokens->wal_tried = tokens->wal_frames;
	return 0;
}

bool tokens_has_remains(const struct tokens *tokens)
{
	return tokens->truncate;
}

int64_t tokens_wal_bytes(const struct tokens *tokens)
{
	return tokens->wal_frames * PAGE_BYTES;
}
