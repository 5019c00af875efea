/*
 * The readers and writers of small texts, one by the first byte: times, durations,
 * numbers, URLs, dates and waits of HTTP, redaction, checkpoints, and what becomes of
 * other people's texts on a terminal, in JSON, CSV and HTML. Each against what it
 * promises, and where there is another program that reads the same, against that.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "base/config_url.h"
#include "base/mem.h"
#include "base/parse.h"
#include "clerk/http_date.h"
#include "clerk/redact.h"
#include "clerk/retry_after.h"
#include "ctl/anchors.h"
#include "ctl/csv.h"
#include "ctl/near.h"
#include "ctl/out_cell.h"
#include "ctl/setup.h"
#include "ctl/text.h"
#include "ctl/when.h"
#include "model/job.h"

#include <ctype.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW_MS     INT64_C(1767355200000)
#define CENTURY_MS (INT64_C(36525) * 86400000)

/* ---- times and numbers ---- */

static void durations(const char *text)
{
	struct error err = ERROR_NULL;
	int64_t ms = -7, again;
	char written[32];

	if (when_parse_duration("--x", text, &ms, &err) < 0) {
		must(ms == -7 && strstr(err.text, "is no duration"));
		return;
	}
	must(ms >= 0 && ms <= CENTURY_MS);
	parse_format_duration(ms, written);
	must(parse_duration(written, &again) && again == ms);
}

static void times(const char *text)
{
	struct error err = ERROR_NULL;
	char written[CLOCK_TEXT_LEN];
	int64_t ms = -7, end = -7, again;
	bool is_date = false;

	if (clock_parse_or_date(text, &ms, &is_date)) {
		clock_format(ms, written);
		must(clock_parse(written, &again) && again == ms);
		must(is_date == (strlen(text) == 10));
		clock_format_s(ms, written);
		must(clock_parse(written, &again) && again <= ms && ms - again < 1000);
	}
	if (when_parse_bound("--since", text, NOW_MS, false, &ms, &err) < 0) {
		must(strstr(err.text, "is no time"));
		must(when_parse("--since", text, NOW_MS, &end, &err) < 0);
		return;
	}
	must(when_parse_bound("--until", text, NOW_MS, true, &end, &err) == 0);
	must(end - ms == (is_date ? 86400000 : 0));
	if (*text == '+' || *text == '-')
		must(ms >= NOW_MS - CENTURY_MS && ms <= NOW_MS + CENTURY_MS);
	if (!is_date)
		must(when_parse("--since", text, NOW_MS, &end, &err) == 0 && end == ms);
}

static void numbers(const char *text)
{
	int64_t value = -7;
	char written[32];

	if (!parse_int64(text, INT64_MIN, INT64_MAX, &value)) {
		must(value == -7);
		return;
	}
	(void)snprintf(written, sizeof(written), "%lld", (long long)value);
	must(!strcmp(written, text));
	if (value < INT64_MAX)
		must(!parse_int64(text, value + 1, INT64_MAX, &value));
}

/* ---- URLs: libcurl must see the host that we saw ---- */

/* host as libcurl writes it: an IPv6 address in its shortest form, in brackets. */
static bool is_loopback(const char *host)
{
	return !strncmp(host, "127.", 4) || !strcmp(host, "localhost") ||
	       !strcmp(host, "[::1]");
}

static void check_url(const char *url, bool plain_to_others)
{
	char *host = NULL, *scheme = NULL, *user = NULL;
	CURLU *handle = curl_url();

	must(handle && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK);
	must(curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	must(curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK);
	must(curl_url_get(handle, CURLUPART_USER, &user, 0) == CURLUE_NO_USER);
	must(*host == '[' || strcasestr(url, host));
	must(!strcmp(scheme, "https") || (!strcmp(scheme, "http") && plain_to_others) ||
		is_loopback(host));
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(handle);
}

static void urls(const char *text)
{
	char *url = NULL, *again = NULL;
	const char *fault = config_url_normalize(text, &url);

	must(!config_url_check_proxy(text) ? (check_url(text, true), true) : true);
	if (fault) {
		must(!url && fuzz_is_line(fault));
		return;
	}
	check_url(url, false);
	must(fuzz_is_line(url) && !strcmp(url + strlen(url) - 3, "/v1"));
	must(!config_url_normalize(url, &again) && !strcmp(again, url));
	free(again);
	free(url);
}

/* ---- HTTP ---- */

static void waits(const char *text)
{
	int64_t ms = retry_after_read(text, NOW_MS);
	bool digits = *text && !text[strspn(text, "0123456789")];

	must(ms == -1 || (ms >= 1 && ms <= 3600000));
	if (digits)
		must(ms == (strspn(text, "0") == strlen(text) ? -1
				   : strlen(text + strspn(text, "0")) > 6
					   ? 3600000
					   : (atoll(text) * 1000 > 3600000
							     ? 3600000
							     : atoll(text) * 1000)));
}

static void dates(const char *text)
{
	int64_t at = http_date_ms(text, strlen(text));
	char written[64];
	time_t seconds;
	struct tm tm;

	must(at >= -1 && at <= INT64_C(253402300799000));
	if (at < 0)
		return;
	must(at % 1000 == 0);
	seconds = at / 1000;
	must(gmtime_r(&seconds, &tm) != NULL);
	must(strftime(written, sizeof(written), "%a, %d %b %Y %H:%M:%S GMT", &tm));
	must(tm.tm_year < -300 || http_date_ms(written, strlen(written)) == at);
}

/* ---- secrets ---- */

/* A key or a ticket is ASCII without blanks (which redaction makes of other characters);
 * what the word itself could make up is none. */
static bool could_be_secret(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]))
			return false;
	return len >= 20 && !strstr(text, "redacted");
}

/* The first line is a known secret, the second one too, and the rest is redacted. */
static void redaction(struct fuzz_input *input)
{
	AUTO(secret) struct secret a = SECRET_NULL, b = SECRET_NULL;
	AUTO(free_ptr) char *first = fuzz_line(input);
	AUTO(free_ptr) char *second = fuzz_line(input);
	AUTO(free_ptr) char *line = NULL;
	const struct redact redact = {.known = {&a, &b}};
	size_t len = input->len;

	secret_init(&a, first, strlen(first));
	secret_init(&b, second, strlen(second));
	line = redact_line(&redact, (const char *)input->data, len);
	if (!line)
		return;
	must(fuzz_is_line(line) && strlen(line) <= REDACT_LEN_MAX);
	must(!strstr(line, "sk_live_") && !strstr(line, "sk_test_"));
	must(!strstr(line, "__clerk_ticket=") ||
		strstr(line, "__clerk_ticket=[redacted]") || strlen(line) > 400);
	must(!could_be_secret(first) || !strstr(line, first));
	must(!could_be_secret(second) || !strstr(line, second));
}

/* ---- other people's texts ---- */

static bool is_shown(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t code;

		i += text_decode(text + i, len - i, &code);
		if (text_is_hidden(code))
			return false;
	}
	return true;
}

static void terminal(const char *text)
{
	AUTO(buf) struct buf shown = BUF_NULL;
	AUTO(buf) struct buf again = BUF_NULL;
	int width;

	text_escape(&shown, text, strlen(text));
	must(is_shown(buf_str(&shown), shown.len));
	must(!*text || fuzz_is_line(buf_str(&shown)));
	text_escape(&again, buf_str(&shown), shown.len);
	must(!strcmp(buf_str(&again), buf_str(&shown)));
	width = text_width(buf_str(&shown), shown.len);
	must(width >= 0 && (size_t)width <= shown.len);
	must(text_fit(buf_str(&shown), shown.len, width) == shown.len);
	for (int columns = 0; columns < width && columns < 60; columns += 7) {
		size_t n = text_fit(buf_str(&shown), shown.len, columns);

		must(n <= shown.len && text_width(buf_str(&shown), n) <= columns);
	}
}

struct record {
	char *text;
};

static const struct out_column columns[] = {
	{"text", OUT_TEXT, offsetof(struct record, text)},
	{"doc", OUT_DOC, offsetof(struct record, text)},
};

static const struct out_list list = {columns, ARRAY_LEN(columns), NULL};

static void json(char *text)
{
	const struct record record = {.text = text};
	bool is_utf8 = true;
	AUTO(buf) struct buf out = BUF_NULL;
	json_t *object, *doc, *own;

	for (size_t i = 0; text[i];) {
		uint32_t code;

		i += text_decode(text + i, strlen(text + i), &code);
		is_utf8 = is_utf8 && code != TEXT_BAD;
	}
	buf_putc(&out, '{');
	out_cell_json_fields(&out, &list, &record);
	buf_putc(&out, '}');
	must(is_shown(buf_str(&out), out.len));
	object = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	must(json_is_object(object));
	must(!is_utf8 ||
		!strcmp(text, json_string_value(json_object_get(object, "text"))));
	/* A document says the same as before. */
	own = json_loads(text, JSON_DECODE_ANY, NULL);
	doc = json_object_get(object, "doc");
	must(own ? json_equal(own, doc) : json_is_string(doc));
	json_decref(own);
	json_decref(object);
}

static void csv_cell(char *text)
{
	const struct record record = {.text = text};
	AUTO(buf) struct buf out = BUF_NULL;
	AUTO(csv) struct csv csv;
	struct error err = ERROR_NULL;
	const char *cell;

	buf_puts(&out, "before,");
	out_cell_csv(&out, &columns[0], &record);
	buf_puts(&out, ",behind\r\n");
	csv_init(&csv, out.data, out.len);
	must(csv_next(&csv, &err) == 0 && csv.n_cells == 3);
	cell = buf_str(&csv.cells[1]);
	must(!strcmp(buf_str(&csv.cells[2]), "behind"));
	must(!*text || !strchr("=+-@\t\r\n", *cell));
	if (!parse_text_fault(text, strlen(text), SIZE_MAX, true) &&
		is_shown(text, strlen(text)))
		must(!strcmp(cell + (*cell == '\'' && *text != '\''), text));
	must(csv_next(&csv, &err) == CSV_E_END);
}

/* ---- lists and near words ---- */

static void checkpoints(struct fuzz_input *input)
{
	AUTO(free_ptr) char *text = fuzz_line(input);
	AUTO(free_ptr) char *file = fuzz_rest(input);
	struct anchors anchors = {0};
	struct error err = ERROR_NULL;

	if (anchors_add(&anchors, text, &err) == 0) {
		AUTO(free_ptr)
		char *again = xasprintf("%lld:%s", (long long)anchors.anchors[0].seq,
			anchors.anchors[0].hash);

		must(!strcmp(again, text));
	}
	if (anchors_read(&anchors, fuzz_file("anchors", file, strlen(file)), &err) == 0)
		must(anchors.n >= 1);
	else
		must(!strncmp(err.text, fuzz_folder(), strlen(fuzz_folder())));
	anchors_sort(&anchors);
	for (size_t i = 0; i < anchors.n; i++) {
		must(anchors.anchors[i].seq >= 1);
		must(strlen(anchors.anchors[i].hash) == 64);
		must(!i || anchors.anchors[i - 1].seq <= anchors.anchors[i].seq);
	}
	anchors_deinit(&anchors);
}

static void near_words(struct fuzz_input *input)
{
	AUTO(free_ptr) char *a = fuzz_line(input);
	AUTO(free_ptr) char *b = fuzz_line(input);
	struct near near = {.word = a};
	int distance = near_distance(a, b);

	must(distance >= 0 && distance == near_distance(b, a));
	must(strlen(a) > 40 || near_distance(a, a) == 0);
	near_try(&near, b);
	must(!near.best || near.best == b);
	must(job_action_parse(a) < JOB_ACTION__MAX &&
		job_state_parse(a) < JOB_STATE__MAX &&
		job_result_parse(a) < JOB_RESULT__MAX);
}

/* The files that are installed with the program, as an administrator may change them. */
static void system_files(const char *text)
{
	AUTO(setup) struct setup setup = SETUP_NULL;
	AUTO(buf) struct buf lines = BUF_NULL;
	struct error err = ERROR_NULL;

	if (setup_parse_sysusers(&setup, text, &err) < 0)
		must(*err.text);
	if (setup_parse_tmpfiles(&setup, text, &err) < 0)
		must(*err.text);
	for (size_t i = 0; i < setup.n; i++)
		must(setup.items[i].name && *setup.items[i].name &&
			setup.items[i].mode <= 07777);
	setup_instance_tmpfiles(text, "name", &lines);
}

/* fault: L6 L7 A14 A19 C11 C12 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	unsigned which = fuzz_byte(&input) % 13;
	AUTO(free_ptr) char *text = NULL;

	if (which == 0)
		redaction(&input);
	else if (which == 1)
		checkpoints(&input);
	else if (which == 2)
		near_words(&input);
	text = fuzz_rest(&input);
	switch (which) {
	case 3:
		durations(text);
		break;
	case 4:
		times(text);
		break;
	case 5:
		numbers(text);
		break;
	case 6:
		urls(text);
		break;
	case 7:
		waits(text);
		break;
	case 8:
		dates(text);
		break;
	case 9:
		terminal(text);
		break;
	case 10:
		json(text);
		break;
	case 11:
		csv_cell(text);
		break;
	case 12:
		system_files(text);
		break;
	default:
		break;
	}
	return 0;
}
