#include "clerk/http.h"

#include "base/log.h"
#include "base/mem.h"
#include "clerk/http_loop.h"
#include "clerk/http_setup.h"
#include "clerk/http_transfer.h"
#include "clerk/wipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Owns everything in it but the loop. */
struct http {
	CURLM *multi;
	struct http_loop loop;
	struct http_setup *setup; /* what new transfers get */
	int concurrency;
	http_done_fn done;
	void *userdata;

	struct http_transfer_list active; /* on multi */
	struct http_transfer_list
		unstarted;              /* libcurl did not take them; to be reported */
	struct http_transfer_list idle; /* of the current setup, for the next request */
	int n_active;                   /* with the unstarted ones */
	int n_idle;

	bool has_skew;
	int64_t skew_ms;
	int64_t skew_mono_ms; /* when it was seen */
};

static int count(const struct http_transfer_list *list)
{
	const struct http_transfer *transfer;
	int n = 0;

	TAILQ_FOREACH (transfer, list, entry)
		n++;
	return n;
}

static void free_list(struct http_transfer_list *list)
{
	struct http_transfer *transfer;

	while ((transfer = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, transfer, entry);
		http_transfer_free(transfer);
	}
}

/* It goes back to the idle ones, unless there are enough or it is of an older setup. */
static void retire(struct http *http, struct http_transfer *transfer)
{
	if (transfer->setup != http->setup || http->n_idle >= http->concurrency) {
		http_transfer_free(transfer);
		return;
	}
	http_transfer_clear(transfer);
	TAILQ_INSERT_HEAD(&http->idle, transfer, entry);
	http->n_idle++;
}

/* Once a second, which is as fine as a Date is. */
static void note_skew(
	struct http *http, const struct http_transfer *transfer, struct now received)
{
	int64_t date_ms;

	if (http->has_skew && received.mono_ms - http->skew_mono_ms < 1000)
		return;
	date_ms = http_transfer_date_ms(transfer);
	if (date_ms < 0)
		return;
	http->has_skew = true;
	http->skew_mono_ms = received.mono_ms;
	http->skew_ms = date_ms - received.wall_ms;
}

/* transfer is in no list and on no multi handle any more. */
static void report(struct http *http, struct http_transfer *transfer, CURLcode code,
	struct now received)
{
	struct reply reply;

	http->n_active--;
	note_skew(http, transfer, received);
	http_transfer_reply(transfer, code, received, &reply);
	http->done(http->userdata, transfer->ticket, &reply);
	retire(http, transfer);
}

/* Takes it off the multi handle and tells. */
static void finish(struct http *http, struct http_transfer *transfer, CURLcode code,
	struct now received)
{
	TAILQ_REMOVE(&http->active, transfer, entry);
	(void)curl_multi_remove_handle(http->multi, transfer->easy);
	report(http, transfer, code, received);
}

static int finish_finished(struct http *http, struct now received)
{
	struct CURLMsg *message;
	int n_left;
	int n = 0;

	while ((message = curl_multi_info_read(http->multi, &n_left))) {
		CURLcode code = message->data.result;
		char *private = NULL;

		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		finish(http, (struct http_transfer *)(void *)private, code, received);
		n++;
	}
	return n;
}

/* Those that done() starts on the way are the last in the list and stay. */
static int finish_all(struct http *http, CURLMcode why, struct now received)
{
	int n = 0;

	for (int left = count(&http->active); left > 0; left--) {
		struct http_transfer *transfer = TAILQ_FIRST(&http->active);

		(void)snprintf(transfer->error_text, sizeof(transfer->error_text), "%s",
			curl_multi_strerror(why));
		finish(http, transfer, CURLE_ABORTED_BY_CALLBACK, received);
		n++;
	}
	return n;
}

static void on_lost(void *userdata, CURL *easy)
{
	char *private = NULL;

	(void)userdata;
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	((struct http_transfer *)(void *)private)->is_lost = true;
}

/* As finish_all(), those alone that nothing will be heard of. */
static int finish_lost(struct http *http, struct now received)
{
	int n = 0;

	for (int left = count(&http->active); left > 0; left--) {
		struct http_transfer *transfer = TAILQ_FIRST(&http->active);

		if (!transfer->is_lost) {
			TAILQ_REMOVE(&http->active, transfer, entry);
			TAILQ_INSERT_TAIL(&http->active, transfer, entry);
			continue;
		}
		(void)snprintf(transfer->error_text, sizeof(transfer->error_text),
			"its socket cannot be watched");
		finish(http, transfer, CURLE_ABORTED_BY_CALLBACK, received);
		n++;
	}
	return n;
}

/* What done() starts anew and fails to start waits for the next turn of the loop. */
static int report_unstarted(struct http *http, struct now received)
{
	struct http_transfer_list list = TAILQ_HEAD_INITIALIZER(list);
	struct http_transfer *transfer;
	int n = 0;

	TAILQ_CONCAT(&list, &http->unstarted, entry);
	while ((transfer = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, transfer, entry);
		report(http, transfer, CURLE_FAILED_INIT, received);
		n++;
	}
	return n;
}

static int collect(void *userdata, CURLMcode code)
{
	struct http *http = userdata;
	struct now received = clock_now();
	int n = report_unstarted(http, received) + finish_finished(http, received) +
		finish_lost(http, received);

	return code ? n + finish_all(http, code, received) : n;
}

static int init_curl(struct error *err)
{
	CURLcode code;

	(void)unsetenv("SSLKEYLOGFILE");
	code = curl_global_init_mem(
		CURL_GLOBAL_ALL, malloc, wipe_free, wipe_realloc, strdup, calloc);
	return code ? error_set(
			      err, "libcurl does not start: %s", curl_easy_strerror(code))
		    : 0;
}

static int set_concurrency(struct http *http, int concurrency, struct error *err)
{
	CURLMcode code =
		curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)concurrency);

	if (code)
		return error_set(err, "libcurl does not take an option: %s",
			curl_multi_strerror(code));
	http->concurrency = concurrency;
	return 0;
}

DEFINE_CLEANUP(http, struct http *, http_free);
DEFINE_CLEANUP(setup, struct http_setup *, http_setup_unref);
DEFINE_CLEANUP(transfer, struct http_transfer *, http_transfer_free);

int http_new(sd_event *event, const struct http_options *options, http_done_fn done,
	void *userdata, struct http **ret_http, struct error *err)
{
	AUTO(http) struct http *http = NULL;

	if (init_curl(err) < 0)
		return -1;
	http = xcalloc(1, sizeof(*http));
	http->done = done;
	http->userdata = userdata;
	TAILQ_INIT(&http->active);
	TAILQ_INIT(&http->unstarted);
	TAILQ_INIT(&http->idle);
	http->multi = curl_multi_init();
	if (!http->multi)
		return error_set(err, "libcurl makes no multi handle: out of memory");
	http->loop = (struct http_loop){.multi = http->multi,
		.event = event,
		.collect = collect,
		.lost = on_lost,
		.userdata = http};
	if (http_loop_init(&http->loop, err) < 0 ||
		http_reconfigure(http, options, err) < 0)
		return -1;
	*ret_http = TAKE_PTR(http);
	return 0;
}

void http_free(struct http *http)
{
	struct http_transfer *transfer;

	if (!http)
		return;
	TAILQ_FOREACH (transfer, &http->active, entry)
		(void)curl_multi_remove_handle(http->multi, transfer->easy);
	free_list(&http->active);
	free_list(&http->unstarted);
	free_list(&http->idle);
	(void)curl_multi_cleanup(http->multi);
	http_loop_deinit(&http->loop);
	http_setup_unref(http->setup);
	free(http);
	curl_global_cleanup();
}

/* An idle one, whose connections are watched between their uses. 0 or < 0. */
static int make_transfer(struct http *http, struct http_setup *setup,
	struct http_transfer **ret_transfer, struct error *err)
{
	AUTO(transfer) struct http_transfer *transfer = NULL;
	CURLcode code;

	if (http_transfer_new(setup, &transfer, err) < 0)
		return -1;
	code = http_idle_apply(&http->loop.idle, transfer->easy);
	if (code)
		return error_set(err, "libcurl does not take an option: %s",
			curl_easy_strerror(code));
	*ret_transfer = TAKE_PTR(transfer);
	return 0;
}

/* A first transfer is made at once, so that an option that libcurl does not take is found
 * here and not with the next request. */
int http_reconfigure(
	struct http *http, const struct http_options *options, struct error *err)
{
	AUTO(setup) struct http_setup *setup = NULL;
	AUTO(transfer) struct http_transfer *transfer = NULL;

	if (http_setup_new(options, &setup, err) < 0 ||
		make_transfer(http, setup, &transfer, err) < 0 ||
		set_concurrency(http, options->concurrency, err) < 0)
		return -1;
	http_setup_unref(http->setup);
	http->setup = TAKE_PTR(setup);
	free_list(&http->idle);
	TAILQ_INSERT_HEAD(&http->idle, transfer, entry);
	transfer = NULL;
	http->n_idle = 1;
	return 0;
}

/* Making one fails for want of memory alone: its options were taken once before. */
static struct http_transfer *take_idle(struct http *http)
{
	struct http_transfer *transfer = TAILQ_FIRST(&http->idle);
	struct error err = ERROR_NULL;

	if (transfer) {
		TAILQ_REMOVE(&http->idle, transfer, entry);
		http->n_idle--;
		return transfer;
	}
	if (make_transfer(http, http->setup, &transfer, &err) < 0) {
		log_error("%s", err.text);
		abort();
	}
	return transfer;
}

/* What keeps it from starting, or NULL: it is on its way. */
static const char *start(
	struct http *http, struct http_transfer *transfer, CURLcode prepared)
{
	CURLMcode code;

	if (prepared)
		return curl_easy_strerror(prepared);
	code = curl_multi_add_handle(http->multi, transfer->easy);
	return code ? curl_multi_strerror(code) : NULL;
}

void http_post(struct http *http, uint64_t ticket, const char *url, const char *body,
	size_t body_len)
{
	struct http_transfer *transfer = take_idle(http);
	CURLcode prepared = http_transfer_prepare(transfer, ticket, url, body, body_len);
	const char *fault = start(http, transfer, prepared);

	http->n_active++;
	if (!fault) {
		TAILQ_INSERT_TAIL(&http->active, transfer, entry);
		return;
	}
	(void)snprintf(transfer->error_text, sizeof(transfer->error_text), "%s", fault);
	TAILQ_INSERT_TAIL(&http->unstarted, transfer, entry);
	http_loop_kick(&http->loop);
}

int http_in_flight(const struct http *http)
{
	return http->n_active;
}

bool http_clock_skew(const struct http *http, int64_t *ret_skew_ms)
{
	if (http->has_skew)
		*ret_skew_ms = http->skew_ms;
	return http->has_skew;
}
