/*
 * Every n-th access to a database and every n-th allocation fails, once or for ever, in
 * the engine with its real store under a clock that stands still between steps. A life
 * (start, recovery, jobs of each kind, commands, another configuration, sweep, purge,
 * stop) runs in a child of its own; a second child recovers without a fault, finishes the
 * work and holds what was sent against the audit.
 *
 *   nth_store [--all] [--seed N] [--budget N] [--only FAULT] [--point FAULT:N:MODE]
 *
 * FAULT is a name of disk.def or "allocation". Without --all a part is drawn: at most
 * --budget points.
 */
#include "../sim/rng.h"
#include "base/mem.h"
#include "clerk/wipe.h"
#include "ctl/ctl.h"
#include "ctl/verify.h"
#include "disk.h"
#include "engine/engine.h"
#include "faults.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SENDS_MAX     200
#define TURNS_MAX     500
#define STARTS_MAX    5
#define EXIT_IO       74
#define EXIT_WRONG    3
#define EXIT_ASAN     99
#define LIFE_SECS     200
#define LIFE_CPU_SECS 20 /* more is a spin */
#define ALLOCATION    DISK__MAX
#define FAULT__MAX    (DISK__MAX + 1)
#define MONO_START    5000000
#define WALL_START    INT64_C(1767355200000)

/* ---- what both children know: Clerk's ledger, and how it went ---- */

struct send {
	int64_t job_id;
	int attempt;
	enum job_action action;
	bool granted; /* created or revoked */
	char token_id[48];
	char user_id[64];
};

static struct shared {
	struct send sends[SENDS_MAX];
	int n_sends;
	uint64_t seen, hits;
	bool hit_queue_alone;
	bool full_at_stop; /* the disk was full when it wrote that it stopped */
	struct now now;
	char why[1000]; /* what is wrong */
	char said[4000];
} * shared;

static const char *folder;

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void wrong(const char *format, ...)
{
	va_list ap;

	if (*shared->why)
		return;
	va_start(ap, format);
	(void)vsnprintf(shared->why, sizeof(shared->why), format, ap);
	va_end(ap);
}

/* ---- a life ---- */

struct life {
	struct config config;
	struct ledger *ledger;
	struct queue *queue;
	struct engine *engine;
	struct now now;
	uint64_t tickets[SENDS_MAX]; /* of requests that were not answered yet */
	int sends[SENDS_MAX];
	int n_open;
};

static void on_send(void *userdata, uint64_t ticket, const struct job *job)
{
	struct life *life = userdata;
	struct send *send = &shared->sends[shared->n_sends];

	if (shared->n_sends >= SENDS_MAX) {
		wrong("more than %d requests", SENDS_MAX);
		return;
	}
	*send = (struct send){
		.job_id = job->id, .attempt = job->attempts, .action = job->action};
	(void)snprintf(send->user_id, sizeof(send->user_id), "%s",
		job->user_id ? job->user_id : "");
	(void)snprintf(send->token_id, sizeof(send->token_id), "%s",
		job->sign_in_token_id ? job->sign_in_token_id : "");
	if (job->action == JOB_CREATE)
		(void)snprintf(send->token_id, sizeof(send->token_id), "sit_%lld_%d",
			(long long)job->id, job->attempts);
	life->tickets[life->n_open] = ticket;
	life->sends[life->n_open++] = shared->n_sends++;
}

static uint32_t on_random(void *userdata)
{
	(void)userdata;
	return 0;
}

static void on_say(void *userdata, enum log_level level, const struct log_fields *fields,
	const char *text)
{
	size_t len = strlen(shared->said);

	(void)userdata;
	(void)level;
	(void)fields;
	(void)snprintf(shared->said + len, sizeof(shared->said) - len, "%s\n", text);
	if (strstr(text, "out of range"))
		wrong("it says: %s", text);
}

static struct answer token_answer(const struct send *send)
{
	struct answer answer = ANSWER_NULL;
	AUTO(free_ptr) char *secret = xasprintf("secret-%s", send->token_id);

	answer.kind = ANSWER_REPLY;
	answer.http_status = 200;
	answer.has_token = true;
	answer.token.id = xstrdup(send->token_id);
	answer.token.user_id = xstrdup(*send->user_id ? send->user_id : "user_1");
	answer.token.status = send->action == JOB_CREATE ? TOKEN_PENDING : TOKEN_REVOKED;
	answer.token.created_at_ms = answer.token.updated_at_ms = WALL_START;
	if (send->action == JOB_CREATE)
		secret_init(&answer.token.token, secret, strlen(secret));
	answer.trace_id = xstrdup("trace_1");
	answer.duration_ms = 12;
	return answer;
}

static struct answer error_answer(int status, const char *code)
{
	struct answer answer = ANSWER_NULL;

	answer.kind = ANSWER_REPLY;
	answer.http_status = status;
	answer.error_code = xstrdup(code);
	answer.code_is_clerks = true;
	return answer;
}

/* What Clerk does, by the user's name and the attempt. */
static struct answer clerk(struct send *send)
{
	struct answer answer = ANSWER_NULL;
	bool first = send->attempt == 1;

	if (first && strstr(send->user_id, "_again"))
		return error_answer(425, "too_early");
	if (strstr(send->user_id, "_banned"))
		return error_answer(403, "user_banned");
	if (first && strstr(send->user_id, "_void")) {
		answer.kind = ANSWER_NOT_SENT;
		answer.error_code = xstrdup("connect");
		return answer;
	}
	send->granted = true;
	if (!strstr(send->user_id, "_unheard"))
		return token_answer(send);
	answer.kind = ANSWER_LOST;
	answer.error_code = xstrdup("timeout");
	return answer;
}

static struct engine_options options_of(struct life *life)
{
	return (struct engine_options){.ledger = life->ledger,
		.queue = life->queue,
		.config = &life->config,
		.requests_per_window = 1000,
		.key_hint = "another key",
		.world = {.userdata = life,
			.send = on_send,
			.random = on_random,
			.say = on_say}};
}

static void close_life(struct life *life)
{
	engine_free(TAKE_PTR(life->engine));
	queue_free(TAKE_PTR(life->queue));
	ledger_free(TAKE_PTR(life->ledger));
	shared->now = life->now;
}

/* As the daemon: 0, 1 the disk is full, < 0. */
static int open_life(struct life *life, struct error *err)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue", folder);
	const struct ledger_options ledger = {.state_directory = folder};
	const struct engine_start start = {
		.detail = "{}", .key_kind = "test", .boot_id = "the-boot"};
	struct queue_options queue = {.folder = path};
	struct engine_options options;
	int rc = ledger_open(&ledger, &life->ledger, err);

	if (rc)
		return rc;
	queue.floor = ledger_progress(life->ledger)->cursor;
	queue_new(&queue, &life->queue);
	options = options_of(life);
	engine_new(&options, &life->engine);
	return engine_start(life->engine, &start, life->now, err);
}

static int begin(struct life *life, struct error *err)
{
	int rc = 1;

	life->config = (struct config){.rate_window_ms = 10000,
		.rate_share = 0.5,
		.rate_urgent_share = 0.9,
		.concurrency = 4,
		.retry_max_attempts = 10,
		.retry_initial_delay_ms = 1000,
		.retry_max_delay_ms = 300000,
		.retry_max_age_ms = 86400000,
		.retry_max_unknown_attempts = 1,
		.policy_actions = CONFIG_ACTION_CREATE | CONFIG_ACTION_REVOKE,
		.policy_max_expires_in_ms = 3600000,
		.policy_default_expires_in_ms = 1800000,
		.retention_queue_ms = 60000,
		.retention_secrets_ms = 60000};
	for (int i = 0; rc > 0 && i < STARTS_MAX; i++) {
		rc = open_life(life, err);
		if (rc)
			close_life(life);
		if (rc > 0)
			life->now.mono_ms += 1000, life->now.wall_ms += 1000;
	}
	return rc;
}

/* A turn, and Clerk's answers to what it sent: how many, or < 0. */
static int turn(struct life *life, struct error *err)
{
	int n = life->n_open;
	int rc = engine_turn(life->engine, life->now, err);

	n = life->n_open > n ? life->n_open : n;

	while (rc == 0 && life->n_open) {
		struct answer answer;

		life->n_open--;
		answer = clerk(&shared->sends[life->sends[life->n_open]]);
		answer.received = life->now;
		engine_answer(life->engine, life->tickets[life->n_open], &answer);
	}
	return rc < 0 ? -1 : n;
}

/* Lets the clock go on by ms, to whatever comes in between; looks at the queue as the
 * daemon's tick does. 0 or < 0. */
static int pass(struct life *life, int64_t ms, struct error *err)
{
	int64_t end = life->now.mono_ms + ms;

	engine_look(life->engine, life->now);
	for (int i = 0; i < TURNS_MAX; i++) {
		int n_answers = turn(life, err);
		int64_t at;

		if (n_answers < 0)
			return -1;
		if (n_answers > 0)
			continue;
		at = engine_wake_ms(life->engine);
		if (engine_lazy_ms(life->engine) < at)
			at = engine_lazy_ms(life->engine);
		if (engine_queue_busy(life->engine))
			at = life->now.mono_ms + 100;
		if (at <= life->now.mono_ms)
			continue;
		if (life->now.mono_ms >= end)
			return 0;
		at = at > end ? end : at;
		if (at > life->now.mono_ms + 60000)
			at = life->now.mono_ms + 60000;
		i = 0;
		life->now.wall_ms += at - life->now.mono_ms;
		life->now.mono_ms = at;
		engine_look(life->engine, life->now);
	}
	wrong("it spins: %d turns in a moment", TURNS_MAX);
	return -1;
}

/* A script's transaction, in its own process: nothing fails there. */
static void submit(const char *sql)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue/queue.db", folder);
	char *message = NULL;
	sqlite3 *db = NULL;

	faults_disarm();
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix") == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db, 2000);
		(void)sqlite3_exec(db, sql, NULL, NULL, &message);
	}
	sqlite3_free(message);
	(void)sqlite3_close(db);
	faults_go_on();
}

static const char first_rows[] =
	"BEGIN IMMEDIATE;"
	"INSERT INTO job (action, user_id, idempotency_key, requested_by, reason)"
	"  VALUES ('create', 'user_fine', 'k1', 'ana', printf('%.1500c', 'r'));"
	"INSERT INTO job (action, user_id) VALUES ('create', 'user_unheard'),"
	"  ('create', 'user_again'), ('create', 'user_void'), ('create', 'user_banned');"
	"INSERT INTO job (action, user_id, expires_in_seconds)"
	"  VALUES ('create', 'user_refused', 7200);"
	"INSERT INTO job (action, user_id, not_before)"
	"  VALUES ('create', 'user_cancelled', '2099-01-01 00:00:00');"
	"INSERT INTO batch (name, release_first) VALUES ('canary', 1);"
	"INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_c1', 'canary'),"
	"  ('create', 'user_c2', 'canary');"
	"COMMIT;";

static const char later_rows[] =
	"BEGIN IMMEDIATE;"
	"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_1_1'),"
	"  ('revoke', 'sit_2_1');"
	"INSERT INTO command (verb, job_id)"
	"  SELECT 'cancel', id FROM job WHERE user_id = 'user_cancelled';"
	"INSERT INTO command (verb, job_id)"
	"  SELECT 'retry', id FROM job WHERE user_id = 'user_banned';"
	"INSERT INTO command (verb, batch) VALUES ('pause', 'canary'), ('resume', "
	"'canary');"
	"COMMIT;";

static const char last_rows[] =
	"BEGIN IMMEDIATE;"
	"INSERT INTO job (action, user_id, priority) VALUES ('create', 'user_last', 20);"
	"INSERT INTO command (verb, batch) VALUES ('resume', 'canary');"
	"COMMIT;";

static int reconfigure(struct life *life, struct error *err)
{
	struct engine_options options;

	life->config.concurrency = 2;
	options = options_of(life);
	engine_reconfigure(life->engine, &options, true, "{}");
	return pass(life, 10000, err);
}

static int stop(struct life *life, struct error *err)
{
	int rc;

	engine_stop_sending(life->engine);
	rc = pass(life, 1000, err);
	if (rc == 0) {
		rc = engine_stop(life->engine, "{}", life->now, err);
		shared->full_at_stop = rc < 0;
	}
	return rc;
}

static int work(struct life *life, struct error *err)
{
	if (pass(life, 10, err) < 0)
		return -1;
	submit(first_rows);
	if (pass(life, 20000, err) < 0)
		return -1;
	submit(later_rows);
	if (pass(life, 20000, err) < 0 || reconfigure(life, err) < 0)
		return -1;
	submit(last_rows);
	if (pass(life, 10000, err) < 0)
		return -1;
	/* The machine slept: time for the sweep, and for secrets that are too old. */
	life->now.mono_ms += 2 * 3600000;
	life->now.wall_ms += 2 * 3600000;
	return pass(life, 10000, err);
}

static void arm(int fault, uint64_t n, bool ever)
{
	const struct faults_plan plan = {.calls = UINT64_C(1) << FAULTS_memory,
		.n = n,
		.ever = ever,
		.errnum = 12};

	if (fault == ALLOCATION)
		faults_arm(&plan);
	else
		disk_arm((enum disk_fault)fault, n, ever);
}

static void disarm(int fault)
{
	faults_disarm();
	disk_disarm();
	if (fault == ALLOCATION) {
		shared->seen = faults_report()->seen;
		shared->hits = faults_report()->hits;
		return;
	}
	shared->seen = disk_seen();
	shared->hits = disk_hits();
	shared->hit_queue_alone = disk_hit_queue_alone();
}

/* A first run leaves an attempt that nobody heard the answer to, for the next to find. */
static int leave_open(struct life *life, struct error *err)
{
	if (begin(life, err) || pass(life, 10, err) < 0)
		return -1;
	submit("INSERT INTO job (action, user_id) VALUES ('create', 'user_open')");
	engine_look(life->engine, life->now);
	for (int i = 0; i < 20 && !life->n_open; i++)
		if (engine_turn(life->engine, life->now, err) < 0)
			return -1;
	if (life->n_open != 1)
		wrong("no request is open");
	else
		shared->sends[life->sends[--life->n_open]].granted = true;
	close_life(life);
	return 0;
}

/* The faulty life; returns the exit status. */
static int live(int fault, uint64_t n, bool ever)
{
	struct life life = {.now = shared->now};
	struct error err = ERROR_NULL;
	int rc;

	arm(fault, n, ever);
	rc = begin(&life, &err);
	if (rc == 0)
		rc = work(&life, &err);
	if (rc == 0)
		rc = stop(&life, &err);
	close_life(&life);
	disarm(fault);
	on_say(NULL, LOG_LEVEL_ERROR, NULL, rc ? err.text : "stopped");
	return rc ? EXIT_IO : 0;
}

/* ---- afterwards ---- */

static int64_t number(const char *sql, int64_t job_id, int64_t attempt)
{
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", folder);
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int64_t value = -1;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, "unix") == SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
		if (sqlite3_bind_parameter_count(stmt) > 0)
			(void)sqlite3_bind_int64(stmt, 1, job_id);
		if (sqlite3_bind_parameter_count(stmt) > 1)
			(void)sqlite3_bind_int64(stmt, 2, attempt);
		if (sqlite3_step(stmt) == SQLITE_ROW)
			value = sqlite3_column_int64(stmt, 0);
	} else {
		wrong("%s: %s", sql, sqlite3_errmsg(db));
	}
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return value;
}

/* I1 and I2: each request has its row, and no attempt was sent twice. */
static void check_sends(void)
{
	for (int i = 0; i < shared->n_sends; i++) {
		const struct send *send = &shared->sends[i];

		if (number("SELECT count(*) FROM audit WHERE event = 'sent' AND job_id = "
			   "? "
			   "AND attempt = ?",
			    send->job_id, send->attempt) != 1)
			wrong("job %lld, attempt %d was sent without a row",
				(long long)send->job_id, send->attempt);
		for (int j = 0; j < i; j++) {
			const struct send *other = &shared->sends[j];

			if (other->job_id != send->job_id)
				continue;
			if (other->attempt == send->attempt)
				wrong("job %lld, attempt %d was sent twice",
					(long long)send->job_id, send->attempt);
			if (send->action == JOB_CREATE && send->granted && other->granted)
				wrong("job %lld was granted two tokens",
					(long long)send->job_id);
		}
	}
}

static void check_verify(void)
{
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", folder);
	struct ctl ctl = {0};
	struct verify verify = {.ctl = &ctl};
	struct error err = ERROR_NULL;

	if (reader_open(path, &ctl.reader, &err) != 0) {
		wrong("verify: %s", err.text);
		return;
	}
	reader_chain_init(&verify.chain);
	if (verify_chain(&verify, &err) != 0 || verify_jobs(&verify, &err) < 0 ||
		verify_tokens(&verify, &err) < 0 || verify_rest(&verify, &err) != 0)
		wrong("verify: %s", err.text);
	if (verify.fault)
		wrong("verify: %s", verify.fault);
	verify_deinit(&verify);
	reader_free(ctl.reader);
}

static void check_ends(void)
{
	static const char odd[] =
		"SELECT coalesce(min(id), 0) FROM job WHERE NOT CASE"
		" WHEN user_id = 'user_refused' THEN state = 'rejected'"
		" WHEN user_id = 'user_cancelled' THEN state = 'cancelled'"
		" WHEN user_id = 'user_banned' THEN state = 'failed'"
		" WHEN user_id = 'user_fine' THEN length(reason) = 1500 AND"
		"  requested_by = 'ana' AND idempotency_key = 'k1' AND"
		"  result IN ('created', 'outcome_unknown')"
		" WHEN action = 'create' THEN result IN ('created', 'outcome_unknown')"
		" ELSE state = 'succeeded' END";
	int64_t id = number(odd, 0, 0);

	if (id)
		wrong("job %lld did not end as it should", (long long)id);
	if (number("SELECT count(*) FROM job WHERE user_id = 'user_last'", 0, 0) != 1)
		wrong("user_last was not taken");
}

/* Without a fault: recovery, the rest of the work, and what came of it all. */
static int recover(int fault, uint64_t n, bool ever)
{
	struct life life = {.now = shared->now};
	struct error err = ERROR_NULL;
	int rc;

	(void)fault;
	(void)n;
	(void)ever;
	life.now.mono_ms += 100;
	life.now.wall_ms += 100;
	rc = begin(&life, &err);
	if (rc == 0)
		rc = pass(&life, 10000, &err);
	if (rc == 0 && number("SELECT count(*) FROM job WHERE user_id = 'user_last'", 0,
			       0) != 1) {
		if (number("SELECT count(*) FROM job WHERE user_id = 'user_fine'", 0,
			    0) != 1)
			submit(first_rows);
		rc = pass(&life, 20000, &err);
		submit(later_rows);
		submit(last_rows);
	}
	submit("INSERT INTO command (verb, batch) VALUES ('resume', 'canary')");
	if (rc == 0)
		rc = pass(&life, 60000, &err);
	if (rc == 0)
		rc = stop(&life, &err);
	close_life(&life);
	if (rc)
		wrong("without a fault: %s", err.text);
	check_sends();
	check_ends();
	check_verify();
	return *shared->why ? EXIT_WRONG : 0;
}

/* Before each: a state with an attempt that is open. */
static int prepare(int fault, uint64_t n, bool ever)
{
	struct life life = {.now = {.mono_ms = MONO_START, .wall_ms = WALL_START}};
	struct error err = ERROR_NULL;

	(void)fault;
	(void)n;
	(void)ever;
	if (leave_open(&life, &err) < 0)
		wrong("no template: %s", err.text);
	return *shared->why ? EXIT_WRONG : 0;
}

/* ---- children ---- */

/* Runs it in a child; its exit status, or minus the signal. */
static int in_child(
	int (*what)(int fault, uint64_t n, bool ever), int fault, uint64_t n, bool ever)
{
	int status = 0;
	pid_t child;

	(void)fflush(stdout);
	child = fork();

	if (child == 0) {
		const struct rlimit cpu = {LIFE_CPU_SECS, LIFE_CPU_SECS};

		(void)setrlimit(RLIMIT_CPU, &cpu);
		(void)alarm(LIFE_SECS);
		exit(what(fault, n, ever));
	}
	(void)waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int visit_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

static void make_folders(void)
{
	static const char *const names[] = {"queue", "audit", "tokens"};

	(void)nftw(folder, visit_one, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, names[i]);

		(void)mkdir(path, 0750);
	}
}

static const char *fault_name(int fault)
{
	return fault == ALLOCATION ? "allocation" : disk_name((enum disk_fault)fault);
}

/* Whether the life could end so. */
static void check_status(int fault, bool ever, int status)
{
	bool full = fault == DISK_full || fault == DISK_shm_size;

	if (fault == ALLOCATION && status == -SIGABRT)
		return; /* contract section 6: out of memory, the process ends */
	if (status == EXIT_ASAN)
		wrong("a sanitizer");
	else if (status != 0 && status != EXIT_IO)
		wrong("ended with %d", status);
	/* Without room it cannot write that it stopped. */
	else if (status && full && !shared->full_at_stop && !ever)
		wrong("a full disk is waited for");
	else if (status && shared->hit_queue_alone && shared->hits)
		wrong("queue.db alone ended it");
}

struct tally {
	int n, reached, wrong;
	int ended[3]; /* 0, 74, by a signal */
};

static void run(int fault, uint64_t n, bool ever, bool verbose, struct tally *tally)
{
	int status;

	memset(shared, 0, sizeof(*shared));
	make_folders();
	if (in_child(prepare, fault, 0, false) == 0) {
		shared->said[0] = '\0';
		status = in_child(live, fault, n, ever);
		check_status(fault, ever, status);
		tally->ended[status < 0 ? 2 : status != 0]++;
		tally->reached += shared->hits > 0 || status < 0;
		if (!*shared->why && in_child(recover, fault, n, ever) && !*shared->why)
			wrong("recovery did not end well");
	}
	tally->n++;
	if (verbose)
		printf("%s", shared->said);
	if (!*shared->why)
		return;
	tally->wrong++;
	printf("FAILED %s:%" PRIu64 ":%s: %s\n  it said: %s\n", fault_name(fault), n,
		ever ? "ever" : "once", shared->why, shared->said);
}

static uint64_t count(int fault)
{
	memset(shared, 0, sizeof(*shared));
	make_folders();
	if (in_child(prepare, fault, 0, false) || in_child(live, fault, 0, false) ||
		in_child(recover, fault, 0, false)) {
		printf("FAILED %s without a fault: %s\n%s", fault_name(fault),
			shared->why, shared->said);
		exit(1);
	}
	return shared->seen;
}

/* ---- the points ---- */

struct arguments {
	bool all;
	uint64_t seed;
	int budget;
	const char *only;
	const char *point;
};

/* fault: D1 D2 D3 P8 */
static void sweep(const struct arguments *arguments, int fault, bool ever,
	struct rng *rng, struct tally *total)
{
	struct tally tally = {0};
	uint64_t n = count(fault);
	uint64_t wanted =
		arguments->all ? n : (uint64_t)arguments->budget / (2 * FAULT__MAX);

	/* There are a hundred times as many allocations as anything else. */
	if (fault == ALLOCATION && !arguments->all)
		wanted *= 4;
	if (wanted > n)
		wanted = n;
	for (uint64_t i = 0; i < wanted; i++) {
		uint64_t low = n * i / wanted + 1, high = n * (i + 1) / wanted;

		run(fault, (uint64_t)rng_between(rng, (int64_t)low, (int64_t)high), ever,
			false, &tally);
	}
	printf("%-10s %s  %6" PRIu64
	       " calls, %5d runs: %5d ended with 0, %5d with 74, %5d by a "
	       "signal; %d wrong\n",
		fault_name(fault), ever ? "ever" : "once", n, tally.n, tally.ended[0],
		tally.ended[1], tally.ended[2], tally.wrong);
	(void)fflush(stdout);
	total->n += tally.n;
	total->reached += tally.reached;
	total->wrong += tally.wrong;
}

static void run_point(const char *text, struct tally *tally)
{
	char name[32];
	unsigned long long n;
	char mode[8];

	if (sscanf(text, "%31[^:]:%llu:%7s", name, &n, mode) != 3)
		return;
	for (int fault = 0; fault < FAULT__MAX; fault++)
		if (!strcmp(name, fault_name(fault)))
			run(fault, n, !strcmp(mode, "ever"), true, tally);
}

static void read_arguments(int argc, char **argv, struct arguments *arguments)
{
	const char *all = getenv("NTH_ALL"), *seed = getenv("NTH_SEED");

	*arguments = (struct arguments){.all = all != NULL,
		.seed = seed ? strtoull(seed, NULL, 10) : 1,
		.budget = 190};
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--all"))
			arguments->all = true;
		else if (!strcmp(argv[i], "--seed"))
			arguments->seed = strtoull(value, NULL, 10), i++;
		else if (!strcmp(argv[i], "--budget"))
			arguments->budget = atoi(value), i++;
		else if (!strcmp(argv[i], "--only"))
			arguments->only = value, i++;
		else if (!strcmp(argv[i], "--point"))
			arguments->point = value, i++;
	}
}

static double cpu_seconds(void)
{
	double sum = 0;

	for (int who = 0; who < 2; who++) {
		struct rusage usage;

		(void)getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
		sum += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	}
	return sum;
}

int main(int argc, char **argv)
{
	/* Memory does not wait for syncs. */
	char path[] = "/dev/shm/clerk-tokend-nth.XXXXXX";
	struct arguments arguments;
	struct tally total = {0};
	struct rng rng;
	time_t began = time(NULL);

	read_arguments(argc, argv, &arguments);
	rng.state = arguments.seed;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	folder = mkdtemp(path);
	if (shared == MAP_FAILED || !folder) {
		perror(path);
		return 1;
	}
	wipe_install_jansson();
	disk_install();
	if (arguments.point)
		run_point(arguments.point, &total);
	for (int fault = 0; !arguments.point && fault < FAULT__MAX; fault++)
		for (int ever = 0; ever < 2; ever++)
			if (!arguments.only || !strcmp(arguments.only, fault_name(fault)))
				sweep(&arguments, fault, ever, &rng, &total);
	(void)nftw(folder, visit_one, 16, FTW_DEPTH | FTW_PHYS);
	(void)rmdir(folder);
	printf("nth/store: seed %" PRIu64
	       ", %d points (%d reached), %ld s, %.0f CPU seconds, "
	       "%d found\n",
		arguments.seed, total.n, total.reached, (long)(time(NULL) - began),
		cpu_seconds(), total.wrong);
	return total.wrong != 0;
}
