/* ctest: labels=slow timeout=600 */
/*
 * An answer that ends at every byte. The whole way is real but the daemon's loop: rows in
 * queue.db, the engine, the HTTP client on a scripted peer, and what the audit says in
 * the end. Each end (FIN, RST, silence) at each byte of each answer has to be one
 * request, an attempt of unknown outcome, and a job that is sent again.
 *
 * Attempts go in bundles, all on their way at the same time, so that silence costs its
 * time limit once. The clock of the engine is the test's own.
 */
#include "peer.h"
#include "world.h"

#include "base/mem.h"
#include "clerk/request.h"
#include "scratch.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUNDLE     256
#define STATUS     "HTTP/1.1 200 OK\r\n"
#define SILENCE_MS 1500

/* How the end of the body is told. */
enum framing { BY_LENGTH, BY_CHUNKS, BY_CLOSE };

struct lab {
	struct world world;
	struct peer_loop loop;
	struct peer *peer;
	int n_delivered;

	/* The bundle that is on its way. */
	enum job_action action;
	enum framing framing;
	enum peer_then then;
	int first;            /* the offset of its first job */
	int n;                /* its jobs */
	int seen[BUNDLE];     /* requests of each */
	bool is_good[BUNDLE]; /* its first answer was whole */
	int serial;

	char **answers; /* owned, n_answers: what the peer borrows */
	int n_answers;
};

static struct lab lab;
static int64_t n_attempts, n_broken; /* of all tests */

/* ---- the answers ---- */

/* As short as may be: each byte is some attempts. */
static char *token_json(int i)
{
	bool create = lab.action == JOB_CREATE;

	return xasprintf("{\"object\":\"sign_in_token\",\"id\":\"sit_%08d%c%04d\","
			 "\"status\":\"%s\",\"user_id\":\"user_1\",\"token\":\"a.b.c\","
			 "\"url\":null,\"created_at\":1,\"updated_at\":1}",
		lab.serial + (create ? lab.seen[i] : 0), create ? 'c' : 'r',
		lab.first + i, create ? "pending" : "revoked");
}

static char *whole_answer(int i, enum framing framing)
{
	static const char head[] =
		STATUS "Content-Type: application/json\r\nclerk-trace-id: t\r\n";
	AUTO(free_ptr) char *json = token_json(i);

	switch (framing) {
	case BY_LENGTH:
		return xasprintf(
			"%sContent-Length: %zu\r\n\r\n%s", head, strlen(json), json);
	case BY_CHUNKS:
		return xasprintf("%sTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n"
				 "0\r\n\r\n",
			head, strlen(json), json);
	case BY_CLOSE:
		break;
	}
	return xasprintf("%sConnection: close\r\n\r\n%s", head, json);
}

static int parse_job(const char *request)
{
	const char *create = strstr(request, "\"expires_in_seconds\":");
	const char *revoke = strstr(request, "/revoke ");

	assert_true(!create != !revoke);
	return create ? atoi(strpbrk(create, "0123456789")) - 1 - lab.first
		      : atoi(revoke - 4) - lab.first;
}

/* The first request of each job is answered up to its offset, the others well. */
static struct peer_answer choose(void *userdata, const char *request)
{
	int i = parse_job(request);
	struct peer_answer answer = {.n_bytes = PEER_ALL};

	(void)userdata;
	assert_in_range(i, 0, lab.n - 1);
	lab.answers =
		xrealloc(lab.answers, sizeof(*lab.answers) * (size_t)(lab.n_answers + 1));
	if (lab.seen[i]++ == 0 && !lab.is_good[i]) {
		answer.bytes = whole_answer(i, lab.framing);
		answer.n_bytes = (size_t)(lab.first + i);
		answer.then = lab.then;
	} else {
		answer.bytes = whole_answer(i, BY_LENGTH);
	}
	lab.answers[lab.n_answers++] = (char *)answer.bytes;
	return answer;
}

/* ---- the engine on the peer ---- */

static void on_send(void *userdata, uint64_t ticket, const struct job *job)
{
	struct request request = REQUEST_NULL;

	(void)userdata;
	request_init(&request, peer_url(lab.peer), job);
	peer_loop_post(&lab.loop, ticket, buf_str(&request.url),
		request.has_body ? buf_str(&request.body) : NULL);
	request_deinit(&request);
}

static void deliver(const struct peer_reply *from)
{
	const struct reply reply = {.end = from->end,
		.fault_code = from->fault_code,
		.fault_text = from->fault_text,
		.http_status = from->http_status,
		.body = from->body,
		.body_len = from->body_len,
		.content_type = from->content_type,
		.retry_after = from->retry_after,
		.clerk_trace_id = from->clerk_trace_id,
		.duration_ms = from->duration_ms,
		.received = lab.world.now,
		.key = &lab.loop.key};
	struct answer answer = ANSWER_NULL;

	reply_read(&reply, engine_job(lab.world.engine, from->ticket), &answer);
	engine_answer(lab.world.engine, from->ticket, &answer);
}

/* Everything that is on its way has its end, and the audit knows. */
static void hear(void)
{
	if (lab.loop.n_replies < lab.loop.n_expected)
		(void)peer_loop_run(&lab.loop);
	while (lab.n_delivered < lab.loop.n_replies)
		deliver(&lab.loop.replies[lab.n_delivered++]);
	world_settle(&lab.world);
}

static bool is_idle(void)
{
	struct engine_status status;

	engine_status(lab.world.engine, lab.world.now, &status);
	return !status.tally[lab.action][JOB_QUEUED] &&
	       !status.tally[lab.action][JOB_RUNNING];
}

static void finish(void)
{
	for (int i = 0; !is_idle(); i++) {
		assert_true(i < 1000);
		hear();
		world_pass(&lab.world, 1000);
	}
}

static void submit(void)
{
	AUTO(free_ptr)
	char *sql = xasprintf(
		"WITH RECURSIVE n(i, token) AS (SELECT %d, NULL UNION ALL SELECT i + 1, "
		"printf('sit_%08dr%%04d', i + 1) FROM n WHERE i < %d) "
		"INSERT INTO job (action, user_id, expires_in_seconds, "
		"sign_in_token_id, batch, reference) "
		"SELECT %s, 'b%d', i FROM n WHERE i >= %d",
		lab.first - 1, lab.serial, lab.first + lab.n - 1,
		lab.action == JOB_CREATE ? "'create', 'user_1', i + 1, NULL"
					 : "'revoke', NULL, NULL, token",
		lab.serial, lab.first);

	world_sql(&lab.world, sql);
}

static void attach(void)
{
	struct engine_options options = {.ledger = lab.world.ledger,
		.queue = lab.world.queue,
		.config = &lab.world.config,
		.requests_per_window = lab.world.requests,
		.key_hint = "",
		.world = world_callbacks(&lab.world)};

	options.world.send = on_send;
	engine_reconfigure(lab.world.engine, &options, false, "{}");
	world_settle(&lab.world);
}

/* ---- what has to come of it ---- */

static void expect(const char *what, int want, const char *condition)
{
	AUTO(free_ptr)
	char *sql =
		xasprintf("SELECT count(*) FROM job j JOIN audit a ON a.job_id = j.id "
			  "WHERE j.batch = 'b%d' AND %s",
			lab.serial, condition);
	AUTO(free_ptr) char *got = scratch_sql("audit", sql);

	if (atoi(got) != want)
		fail_msg("%s: %s of %d (offsets from %d, action %d, framing %d, end %d)",
			what, got, want, lab.first, (int)lab.action, (int)lab.framing,
			(int)lab.then);
}

/* The first attempts are heard, and nothing else has happened yet. A body without a
 * length ends where the connection does: as an answer that is no token. */
static void check_broken(void)
{
	AUTO(free_ptr)
	char *status = xasprintf("a.attempt = 1 AND a.event <> 'sent' AND "
				 "a.effect = 'unknown' AND a.http_status IS "
				 "iif(CAST(j.reference AS INTEGER) >= %zu, 200, NULL)",
		strlen(STATUS));

	expect("unknown, with their status", lab.n, status);
	expect("to be sent again", lab.n,
		lab.framing == BY_CLOSE
			? "a.event IN ('answered', 'unanswered') AND "
			  "a.job_state = 'queued' AND a.attempt = 1"
			: "a.event = 'unanswered' AND a.job_state = 'queued' AND "
			  "a.attempt = 1");
}

/* A request is an attempt and an attempt is a request, for each job. */
static void check_requests(void)
{
	for (int i = 0; i < lab.n; i++)
		assert_int_equal(lab.seen[i], 2);
	expect("sent", 2 * lab.n, "a.event = 'sent'");
	expect("succeeded", lab.n, "a.job_state = 'succeeded'");
}

/* ---- the sweep ---- */

static void run_jobs(int first, int n)
{
	lab.first = first;
	lab.n = n;
	lab.serial += 1000;
	memset(lab.seen, 0, sizeof(lab.seen));
	submit();
}

/* So many connections that wait for their next request. */
static void warm(int first, int n)
{
	for (int i = 0; i < n; i++)
		lab.is_good[i] = true;
	run_jobs(first, n);
	finish();
	memset(lab.is_good, 0, sizeof(lab.is_good));
}

/* No connection is left, and the engine has forgotten that it was to be careful. */
static void start_anew(void)
{
	struct error err = ERROR_NULL;

	assert_int_equal(peer_loop_restart(&lab.loop, &err), 0);
	peer_hang_up(lab.peer);
	world_crash(&lab.world);
	attach();
}

/* The jobs of one bundle break at the offsets from first on. */
static void bundle(int first, int n, bool reuse)
{
	int n_requests;

	start_anew();
	if (reuse)
		warm(first, n);
	n_requests = peer_n_requests(lab.peer);
	run_jobs(first, n);
	hear();
	assert_int_equal(peer_n_requests(lab.peer), n_requests + n);
	for (int i = n_requests; i < n_requests + n; i++)
		assert_int_equal(peer_request_order(lab.peer, i), reuse);
	check_broken();
	finish();
	check_requests();
	n_attempts += 2L * n;
	n_broken += n;
}

/* How many bytes are not the whole answer. Of the last chunk libcurl wants no more than
 * the CR that ends it: nothing of the body is missing then. Where the connection's end is
 * the body's, a body that is whole but for that end is no less unknown. */
static int answer_len(void)
{
	AUTO(free_ptr) char *answer = whole_answer(0, lab.framing);
	int len = (int)strlen(answer);

	if (lab.framing == BY_CHUNKS && lab.then == PEER_FIN)
		return len - 1;
	return lab.framing == BY_CLOSE && lab.then != PEER_FIN ? len + 1 : len;
}

/* All offsets at which the answer is not whole. */
static void sweep(enum job_action action, enum framing framing, bool reuse)
{
	int len;

	lab.action = action;
	lab.framing = framing;
	for (lab.then = PEER_STALL; lab.then <= PEER_RST; lab.then++) {
		len = answer_len();
		for (int first = 0; first < len; first += BUNDLE)
			bundle(first, len - first < BUNDLE ? len - first : BUNDLE, reuse);
	}
}

static void set_limits(struct config *config)
{
	config->rate_requests = 1000000;
	config->rate_share = 1;
	config->concurrency = BUNDLE;
}

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	peer_loop_init(&lab.loop);
	lab.loop.options.concurrency = BUNDLE;
	lab.loop.options.request_timeout_ms = SILENCE_MS;
	peer_loop_reconfigure(&lab.loop);
	lab.peer = peer_new(&lab.loop);
	peer_answer_by(lab.peer, choose, NULL);
	world_begin(&lab.world, set_limits);
	attach();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_loop_deinit(&lab.loop);
	peer_free(lab.peer);
	for (int i = 0; i < lab.n_answers; i++)
		free(lab.answers[i]);
	free(lab.answers);
	world_end(&lab.world);
	return 0;
}

/* fault: N9 */
static void test_create_with_a_length(void **state)
{
	(void)state;
	sweep(JOB_CREATE, BY_LENGTH, false);
}

/* fault: N9 */
static void test_create_in_chunks(void **state)
{
	(void)state;
	sweep(JOB_CREATE, BY_CHUNKS, false);
}

/* fault: N9 */
static void test_create_until_the_end(void **state)
{
	(void)state;
	sweep(JOB_CREATE, BY_CLOSE, false);
}

/* fault: N9 */
static void test_revoke(void **state)
{
	(void)state;
	sweep(JOB_REVOKE, BY_LENGTH, false);
}

/* fault: N8 */
static void test_create_on_a_reused_connection(void **state)
{
	(void)state;
	sweep(JOB_CREATE, BY_LENGTH, true);
}

/* fault: N8 */
static void test_revoke_on_a_reused_connection(void **state)
{
	(void)state;
	sweep(JOB_REVOKE, BY_CHUNKS, true);
}

static int say_figures(void **state)
{
	(void)state;
	print_message("answer bytes: %" PRId64 " answers broken by FIN, RST or silence, "
		      "%" PRId64 " attempts, as many requests\n",
		n_broken, n_attempts);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_create_with_a_length),
		TEST(test_create_in_chunks),
		TEST(test_create_until_the_end),
		TEST(test_revoke),
		TEST(test_create_on_a_reused_connection),
		TEST(test_revoke_on_a_reused_connection),
	};

	return cmocka_run_group_tests(tests, NULL, say_figures);
}
