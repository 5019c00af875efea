#include "store/reader_secret.h"

#include "base/mem.h"
#include "store/db.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

enum query {
#define SQL(stem, text) SQ_##stem,
#include "tokens_ctl.inc"
#undef SQL
	SQ__MAX
};

static const struct sql_text texts[] = {
#define SQL(stem, text) {#stem, text},
#include "tokens_ctl.inc"
#undef SQL
};

struct reader_secrets {
	sqlite3 *db;                  /* owned */
	sqlite3_stmt *stmts[SQ__MAX]; /* owned */
};

int reader_secrets_open(
	const char *path, struct reader_secrets **ret_secrets, struct error *err)
{
	sqlite3 *db = NULL;
	struct reader_secrets *secrets;
	int rc = db_open_readonly(path, &db_tokens, &db, err);

	if (rc == DB_E_MISSING)
		return READER_E_MISSING;
	if (rc == DB_E_PERMISSION)
		return READER_E_PERMISSION;
	if (rc < 0)
		return -1;
	secrets = xcalloc(1, sizeof(*secrets));
	secrets->db = db;
	if (sql_prepare(db, texts, SQ__MAX, secrets->stmts, err) < 0) {
		reader_secrets_free(secrets);
		return -1;
	}
	*ret_secrets = secrets;
	return 0;
}

void reader_secrets_free(struct reader_secrets *secrets)
{
	if (!secrets)
		return;
	sql_finalize(secrets->stmts, SQ__MAX);
	db_close(secrets->db);
	free(secrets);
}

static void take_secret(struct secret *ret_secret, sqlite3_stmt *stmt, int column)
{
	const char *text = sql_text(stmt, column);

	if (text)
		secret_init(ret_secret, text, strlen(text));
}

int reader_secrets_get(struct reader_secrets *secrets, int64_t job_id,
	struct reader_secret *ret_secret, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = secrets->stmts[SQ_secret_of_job];
	int rc;

	sql_bind(stmt, "i", job_id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	*ret_secret = (struct reader_secret){.sign_in_token_id = sql_dup(stmt, 0),
		.user_id = sql_dup(stmt, 3),
		.expires_at = sql_dup(stmt, 4)};
	take_secret(&ret_secret->token, stmt, 1);
	take_secret(&ret_secret->url, stmt, 2);
	return 0;
}

int reader_secrets_mark(
	struct reader_secrets *secrets, struct reader_mark *ret_mark, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = secrets->stmts[SQ_mark_get];
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	*ret_mark = (struct reader_mark){0};
	if (rc != SQL_ROW)
		return error_set(err, "tokens.db: table mark has lost its row");
	ret_mark->job_id = sqlite3_column_int64(stmt, 0);
	ret_mark->seq = sqlite3_column_int64(stmt, 1);
	if (sql_text(stmt, 2))
		(void)stpncpy(
			ret_mark->hash, sql_text(stmt, 2), sizeof(ret_mark->hash) - 1);
	return 0;
}

int reader_secrets_tokens(struct reader_secrets *secrets, const char *before,
	int (*fn)(void *userdata, const char *token_id, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = secrets->stmts[SQ_secret_list];
	int rc;

	sql_bind(stmt, "t", before);
	while ((rc = sql_step(stmt, err)) == SQL_ROW)
		if (fn(userdata, sql_text(stmt, 0), err) < 0)
			return -1;
	return rc;
}

/* A column that is never NULL but in a damaged file. */
static const char *key_of(sqlite3_stmt *stmt, int column)
{
	const char *text = sql_text(stmt, column);

	return text ? text : "";
}

int reader_secrets_kept(struct reader_secrets *secrets,
	int (*fn)(void *userdata, const struct reader_kept *kept, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = secrets->stmts[SQ_secret_all];
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		AUTO(secret) struct secret token = {0};
		struct reader_kept kept = {.sign_in_token_id = key_of(stmt, 0),
			.job_id = sqlite3_column_int64(stmt, 1),
			.attempt = sqlite3_column_int64(stmt, 2),
			.user_id = key_of(stmt, 4),
			.expires_at = key_of(stmt, 5),
			.received_at = key_of(stmt, 6)};
		char hex[65];

		take_secret(&token, stmt, 3);
		if (token.text) {
			secret_sha256(&token, hex);
			kept.sha256 = hex;
		}
		if (fn(userdata, &kept, err) < 0)
			return -1;
	}
	return rc;
}

int reader_secrets_has(struct reader_secrets *secrets, const char *token_id,
	bool *ret_has, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = secrets->stmts[SQ_secret_has];
	int rc;

	sql_bind(stmt, "t", token_id);
	rc = sql_step(stmt, err);
	*ret_has = rc == SQL_ROW;
	return rc < 0 ? -1 : 0;
}

void reader_secret_deinit(struct reader_secret *secret)
{
	free(secret->sign_in_token_id);
	free(secret->user_id);
	free(secret->expires_at);
	secret_deinit(&secret->token);
	secret_deinit(&secret->url);
	*secret = (struct reader_secret){0};
}
