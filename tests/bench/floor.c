/*
 * The floor: the least that a durable client has to do. Creates N tokens over curl's
 * multi interface, at most C at a time, and writes the rows that the daemon writes, to
 * the same two files with the same commits: one synced commit of tokens.db and one of
 * audit.db a turn. No queue, no gate, no hashing, no log, no checks; the libraries are
 * set up to cost as little as they can.
 *
 * floor URL N CONCURRENCY FOLDER SQL_FOLDER: prints jobs per second.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAKE 1000 /* rows taken in a turn, as the daemon does */

static const char hash[] =
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char at[] = "2026-01-02 03:04:05.006";

static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "floor: %s: %s\n", what, why);
	exit(1);
}

static void exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
}

static void run(sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		die(sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
	(void)sqlite3_reset(stmt);
}

static char *read_file(const char *folder, const char *name)
{
	char path[4096];
	char *text = calloc(1, 1 << 20);
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file || !text || !fread(text, 1, (1 << 20) - 1, file))
		die(path, "cannot be read");
	(void)fclose(file);
	return text;
}

static void migrate(sqlite3 *db, const char *sql, const char *schema)
{
	char *text = read_file(sql, schema);

	exec(db, text);
	free(text);
}

static sqlite3 *open_db(
	const char *folder, const char *name, const char *sql, const char *schema)
{
	char path[4096];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		die(path, sqlite3_errmsg(db));
	exec(db, "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = "
		 "-1536;"
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA secure_delete = OFF; PRAGMA wal_autocheckpoint = 0");
	migrate(db, sql, schema);
	return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	return stmt;
}

struct transfer {
	CURL *easy;
	int job;
	bool busy;
	char body[4096];
	size_t len;
	char request[64];
};

struct floor {
	sqlite3 *audit, *tokens;
	sqlite3_stmt *accepted, *job, *sent, *running, *answered, *done, *token, *secret;
	sqlite3_stmt *daily, *progress, *mark;
	CURLM *multi;
	struct transfer *transfers;
	struct curl_slist *headers;
	int n, concurrency, taken, started, finished, seq, n_over, free_slots;
	struct transfer **over;
};

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;

	if (t->len + size * n >= sizeof(t->body))
		return 0;
	memcpy(t->body + t->len, data, size * n);
	t->len += size * n;
	return size * n;
}

static void set_up(struct floor *f, const char *url)
{
	f->headers = curl_slist_append(NULL, "Authorization: Bearer sk_test_fake");
	f->headers = curl_slist_append(f->headers, "Clerk-API-Version: 2026-05-12");
	f->headers = curl_slist_append(f->headers, "Content-Type: application/json");
	f->headers = curl_slist_append(f->headers, "User-Agent: floor");
	f->headers = curl_slist_append(f->headers, "Expect:");
	f->multi = curl_multi_init();
	(void)curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)f->concurrency);
	f->transfers = calloc((size_t)f->concurrency, sizeof(*f->transfers));
	f->over = calloc((size_t)f->concurrency, sizeof(struct transfer *));
	f->free_slots = f->concurrency;
	for (int i = 0; i < f->concurrency; i++) {
		CURL *easy = f->transfers[i].easy = curl_easy_init();

		(void)curl_easy_setopt(easy, CURLOPT_URL, url);
		(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers);
		(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
		(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &f->transfers[i]);
		(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, &f->transfers[i]);
		(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
		(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	}
}

/* The columns that the daemon fills in each of its rows. */
static void prepare_all(struct floor *f)
{
	f->accepted = prepare(f->audit,
		"INSERT INTO audit (seq, at, event, job_id, job_state, action, user_id, "
		"next_attempt_at, requested_by, detail, hash) VALUES (?, ?, 'accepted', "
		"?, "
		"'queued', 'create', ?, ?, '', ?, ?)");
	f->job = prepare(f->audit, "INSERT INTO job (id, action, user_id, priority, "
				   "requested_by, submitted_at, "
				   "state, accepted_at, due_at) VALUES (?, 'create', ?, "
				   "0, '', ?, 'queued', ?, ?)");
	f->sent = prepare(f->audit,
		"INSERT INTO audit (seq, at, event, job_id, attempt, job_state, action, "
		"user_id, "
		"hash) VALUES (?, ?, 'sent', ?, 1, 'running', 'create', ?, ?)");
	f->running = prepare(f->audit, "UPDATE job SET state = 'running', attempts = 1, "
				       "age_from = 1 WHERE id = ?");
	f->answered =
		prepare(f->audit, "INSERT INTO audit (seq, at, event, job_id, attempt, "
				  "job_state, action, user_id, "
				  "sign_in_token_id, token_status, token_created_at_ms, "
				  "token_updated_at_ms, "
				  "token_expires_at, token_sha256, http_status, "
				  "trace_id, effect, duration_ms, "
				  "requested_by, hash) VALUES (?, ?, 'answered', ?, 1, "
				  "'succeeded', 'create', ?, ?, "
				  "'pending', ?, ?, ?, ?, 200, ?, 'applied', 1, '', ?)");
	f->done = prepare(f->audit,
		"UPDATE job SET state = 'succeeded', result = 'created', tries = 1, "
		"due_at = NULL, "
		"finished_at = ?, sign_in_token_id = ?, http_status = 200 WHERE id = ?");
	f->token = prepare(f->audit,
		"INSERT INTO sign_in_token (id, status, status_at, status_from, user_id, "
		"created_at_ms, updated_at_ms, expires_at, token_sha256, create_job_id) "
		"VALUES "
		"(?, 'pending', ?, 'create', ?, ?, ?, ?, ?, ?)");
	f->daily = prepare(f->audit,
		"INSERT INTO daily (day, action, kind, word, n) VALUES ('2026-01-02', "
		"'create', "
		"?, ?, ?) ON CONFLICT (day, action, kind, word) DO UPDATE SET n = n + "
		"excluded.n");
	f->progress =
		prepare(f->audit, "UPDATE progress SET queue_job = ?, queue_urgent = ?");
	f->mark = prepare(f->tokens, "UPDATE mark SET job_id = ?, seq = ?, hash = ?");
	f->secret = prepare(f->tokens, "INSERT INTO secret VALUES (?, ?, 1, ?, ?, "
				       "'pending', ?, ?, ?, ?, 200, ?, ?, 1)");
}

static void text(sqlite3_stmt *stmt, int i, const char *value)
{
	(void)sqlite3_bind_text(stmt, i, value, -1, SQLITE_TRANSIENT);
}

static void take_in(struct floor *f)
{
	for (int i = 0; i < TAKE && f->taken < f->n; i++) {
		int id = ++f->taken;
		char user[32], detail[256];

		(void)snprintf(user, sizeof(user), "user_%d", id);
		(void)snprintf(detail, sizeof(detail),
			"{\"id\":%d,\"action\":\"create\",\"user_id\":\"%s\",\"requested_"
			"by\":"
			"\"\",\"submitted_at\":\"2026-01-02 03:04:05\"}",
			id, user);
		(void)sqlite3_bind_int(f->accepted, 1, ++f->seq);
		text(f->accepted, 2, at);
		(void)sqlite3_bind_int(f->accepted, 3, id);
		text(f->accepted, 4, user);
		text(f->accepted, 5, at);
		text(f->accepted, 6, detail);
		text(f->accepted, 7, hash);
		run(f->accepted);
		(void)sqlite3_bind_int(f->job, 1, id);
		text(f->job, 2, user);
		text(f->job, 3, at);
		text(f->job, 4, at);
		text(f->job, 5, at);
		run(f->job);
	}
}

static const char *field(json_t *root, const char *name)
{
	const char *value = json_string_value(json_object_get(root, name));

	if (!value)
		die("answer", name);
	return value;
}

static void write_token(struct floor *f, int job, json_t *root)
{
	json_int_t created = json_integer_value(json_object_get(root, "created_at"));
	const char *id = field(root, "id"), *user = field(root, "user_id");

	text(f->secret, 1, id);
	(void)sqlite3_bind_int(f->secret, 2, job);
	text(f->secret, 3, field(root, "token"));
	text(f->secret, 4, field(root, "url"));
	text(f->secret, 5, user);
	(void)sqlite3_bind_int64(f->secret, 6, created);
	(void)sqlite3_bind_int64(f->secret, 7, created);
	text(f->secret, 8, at);
	text(f->secret, 9, hash);
	text(f->secret, 10, at);
	run(f->secret);
	text(f->token, 1, id);
	text(f->token, 2, at);
	text(f->token, 3, user);
	(void)sqlite3_bind_int64(f->token, 4, created);
	(void)sqlite3_bind_int64(f->token, 5, created);
	text(f->token, 6, at);
	text(f->token, 7, hash);
	(void)sqlite3_bind_int(f->token, 8, job);
	run(f->token);
}

static void write_answer(struct floor *f, int job, json_t *root)
{
	json_int_t created = json_integer_value(json_object_get(root, "created_at"));
	const char *id = field(root, "id");

	write_token(f, job, root);
	text(f->done, 1, at);
	text(f->done, 2, id);
	(void)sqlite3_bind_int(f->done, 3, job);
	run(f->done);
	(void)sqlite3_bind_int(f->answered, 1, ++f->seq);
	text(f->answered, 2, at);
	(void)sqlite3_bind_int(f->answered, 3, job);
	text(f->answered, 4, field(root, "user_id"));
	text(f->answered, 5, id);
	(void)sqlite3_bind_int64(f->answered, 6, created);
	(void)sqlite3_bind_int64(f->answered, 7, created);
	text(f->answered, 8, at);
	text(f->answered, 9, hash);
	text(f->answered, 10, hash + 32);
	text(f->answered, 11, hash);
	run(f->answered);
}

static void record(struct floor *f)
{
	for (int i = 0; i < f->n_over; i++) {
		struct transfer *t = f->over[i];
		json_t *root = json_loadb(t->body, t->len, 0, NULL);

		if (!root)
			die("answer", "is no JSON");
		write_answer(f, t->job, root);
		json_decref(root);
		t->busy = false;
		f->free_slots++;
		f->finished++;
	}
	f->n_over = 0;
}

static void intend(struct floor *f, int job)
{
	char user[32];

	(void)snprintf(user, sizeof(user), "user_%d", job);
	(void)sqlite3_bind_int(f->running, 1, job);
	run(f->running);
	(void)sqlite3_bind_int(f->sent, 1, ++f->seq);
	text(f->sent, 2, at);
	(void)sqlite3_bind_int(f->sent, 3, job);
	text(f->sent, 4, user);
	text(f->sent, 5, hash);
	run(f->sent);
}

static void start(struct floor *f, int job)
{
	struct transfer *t = f->transfers;

	while (t->busy)
		t++;
	t->busy = true;
	t->job = job;
	t->len = 0;
	(void)snprintf(t->request, sizeof(t->request), "{\"user_id\":\"user_%d\"}", job);
	(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->request);
	(void)curl_multi_add_handle(f->multi, t->easy);
	f->free_slots--;
}

/* A checkpoint at 1 MiB, as the daemon does. */
static int on_wal(void *userdata, sqlite3 *db, const char *name, int frames)
{
	(void)name;
	(void)db;
	*(bool *)userdata = frames >= 256;
	return SQLITE_OK;
}

static void count(struct floor *f, const char *kind, const char *word, int n)
{
	if (!n)
		return;
	text(f->daily, 1, kind);
	text(f->daily, 2, word);
	(void)sqlite3_bind_int(f->daily, 3, n);
	run(f->daily);
}

/* What the daemon writes once a turn. */
static void sum_up(struct floor *f, int taken, int sent, int answered)
{
	count(f, "event", "accepted", taken);
	count(f, "event", "sent", sent);
	count(f, "event", "answered", answered);
	count(f, "state", "succeeded", answered);
	count(f, "effect", "applied", answered);
	count(f, "http", "200", answered);
	for (int i = 0; i < 3; i++)
		count(f, "latency", (const char *[]){"0", "1", "2"}[i], answered);
	(void)sqlite3_bind_int(f->progress, 1, f->taken);
	(void)sqlite3_bind_int(f->progress, 2, f->taken);
	run(f->progress);
	(void)sqlite3_bind_int(f->mark, 1, f->taken);
	(void)sqlite3_bind_int(f->mark, 2, f->seq);
	text(f->mark, 3, hash);
	run(f->mark);
}

static void turn(struct floor *f)
{
	int first = f->started, taken = f->taken, answered = f->n_over, n;

	exec(f->audit, "BEGIN IMMEDIATE");
	exec(f->tokens, "BEGIN IMMEDIATE");
	take_in(f);
	record(f);
	n = f->taken - f->started < f->free_slots ? f->taken - f->started : f->free_slots;
	for (int i = 0; i < n; i++)
		intend(f, ++f->started);
	sum_up(f, f->taken - taken, n, answered);
	exec(f->tokens, "COMMIT");
	exec(f->audit, "COMMIT");
	for (int i = first + 1; i <= f->started; i++)
		start(f, i);
}

static void collect(struct floor *f)
{
	int running, left;
	CURLMsg *message;

	(void)curl_multi_poll(f->multi, NULL, 0, 1000, NULL);
	(void)curl_multi_perform(f->multi, &running);
	while ((message = curl_multi_info_read(f->multi, &left))) {
		CURL *easy = message->easy_handle;
		struct transfer *t;
		long status = 0;

		if (message->data.result != CURLE_OK)
			die("request", curl_easy_strerror(message->data.result));
		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (status != 200)
			die("request", "not answered with 200");
		(void)curl_multi_remove_handle(f->multi, easy);
		f->over[f->n_over++] = t;
	}
}

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct floor f = {0};
	bool audit_full = false, tokens_full = false;
	double began;

	if (argc != 6)
		die("usage", "floor URL N CONCURRENCY FOLDER SQL_FOLDER");
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	f.n = atoi(argv[2]);
	f.concurrency = atoi(argv[3]);
	f.audit = open_db(argv[4], "audit.db", argv[5], "audit/schema/001_initial.sql");
	migrate(f.audit, argv[5], "audit/schema/002_reports.sql");
	migrate(f.audit, argv[5], "audit/schema/003_commands.sql");
	f.tokens =
		open_db(argv[4], "tokens.db", argv[5], "tokens/schema/001_initial.sql");
	(void)sqlite3_wal_hook(f.audit, on_wal, &audit_full);
	(void)sqlite3_wal_hook(f.tokens, on_wal, &tokens_full);
	prepare_all(&f);
	set_up(&f, argv[1]);
	began = now();
	while (f.finished < f.n) {
		turn(&f);
		if (audit_full)
			(void)sqlite3_wal_checkpoint_v2(
				f.audit, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		if (tokens_full)
			(void)sqlite3_wal_checkpoint_v2(
				f.tokens, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		audit_full = tokens_full = false;
		if (f.free_slots < f.concurrency)
			collect(&f);
	}
	(void)printf("%.0f\n", f.n / (now() - began));
	return 0;
}
