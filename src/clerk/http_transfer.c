#include "clerk/http_transfer.h"

#include "base/mem.h"
#include "clerk/http_date.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX         (1024 * 1024)
#define HEADER_BYTES_MAX (32 * 1024)
#define HEADER_LINES_MAX 100

/* A buffer that an odd answer blew up is not kept for the next one. */
#define KEEP_CAP_MAX (16 * 1024)

static const struct {
	const char *name;
	size_t len;
} names[] = {
#define NAME(name)                                                                       \
	{                                                                                \
		name, sizeof(name) - 1                                                   \
	}
	[HTTP_HEADER_CF_RAY] = NAME("cf-ray"),
	[HTTP_HEADER_CLERK_TRACE_ID] = NAME("clerk-trace-id"),
	[HTTP_HEADER_CONTENT_TYPE] = NAME("content-type"),
	[HTTP_HEADER_DATE] = NAME("date"),
	[HTTP_HEADER_LOCATION] = NAME("location"),
	[HTTP_HEADER_RETRY_AFTER] = NAME("retry-after"),
#undef NAME
};

/* The essay of http.h: runs each time the request is about to leave. */
static int on_send(
	void *userdata, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct http_transfer *transfer = userdata;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	if (transfer->n_sends > 0) {
		transfer->is_second_send = true;
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->n_sends++;
	return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct http_transfer *transfer = userdata;
	size_t len = size * n;

	if (transfer->response.len + len > BODY_MAX) {
		transfer->is_too_big = true;
		return 0;
	}
	buf_append(&transfer->response, bytes, len);
	return len;
}

/* Keeps the first of each, of Retry-After all. */
static void keep_header(struct buf *header, bool all, const char *value, size_t len)
{
	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len && strchr(" \t\r\n", value[len - 1]))
		len--;
	if (!len || (header->len && !all))
		return;
	if (header->len)
		buf_putc(header, '\n');
	buf_append(header, value, len);
}

static void read_header(struct http_transfer *transfer, const char *line, size_t len)
{
	for (int i = 0; i < HTTP_HEADER__MAX; i++) {
		size_t name_len = names[i].len;

		if (len <= name_len || line[name_len] != ':' ||
			strncasecmp(line, names[i].name, name_len) != 0)
			continue;
		keep_header(&transfer->headers[i], i == HTTP_HEADER_RETRY_AFTER,
			line + name_len + 1, len - name_len - 1);
		return;
	}
}

static void forget_headers(struct http_transfer *transfer)
{
	for (int i = 0; i < HTTP_HEADER__MAX; i++)
		buf_clear(&transfer->headers[i]);
}

/* libcurl promises no NUL behind a line. */
static bool is_line_end(const char *line, size_t len)
{
	while (len && (*line == '\r' || *line == '\n')) {
		line++;
		len--;
	}
	return len == 0;
}

static bool is_status_line(const char *line, size_t len)
{
	return len >= strlen("HTTP/") && !memcmp(line, "HTTP/", strlen("HTTP/"));
}

static bool has_headers_too_big(const struct http_transfer *transfer)
{
	return transfer->header_bytes > HEADER_BYTES_MAX ||
	       transfer->n_header_lines > HEADER_LINES_MAX;
}

/* Called for each line, those of interim answers and of a chunked body's trailer
 * included. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct http_transfer *transfer = userdata;
	size_t len = size * n;

	transfer->header_bytes += len;
	transfer->n_header_lines++;
	if (has_headers_too_big(transfer)) {
		transfer->is_too_big = true;
		return 0;
	}
	if (transfer->in_headers && is_line_end(line, len)) {
		transfer->in_headers = false;
		transfer->has_headers = true;
	} else if (transfer->in_headers) {
		read_header(transfer, line, len);
	} else if (is_status_line(line, len)) {
		forget_headers(transfer);
		transfer->in_headers = true;
		transfer->has_headers = false;
	}
	return len;
}

static CURLcode set_callbacks(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	CURLcode code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);

	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error_text);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	return code;
}

DEFINE_CLEANUP(transfer, struct http_transfer *, http_transfer_free);

int http_transfer_new(
	struct http_setup *setup, struct http_transfer **ret_transfer, struct error *err)
{
	AUTO(transfer) struct http_transfer *transfer = xcalloc(1, sizeof(*transfer));
	CURLcode code;

	transfer->setup = http_setup_ref(setup);
	transfer->easy = curl_easy_init();
	if (!transfer->easy)
		return error_set(err, "libcurl makes no handle: out of memory");
	if (http_setup_apply(setup, transfer->easy, err) < 0)
		return -1;
	code = set_callbacks(transfer);
	if (code)
		return error_set(err, "libcurl does not take an option: %s",
			curl_easy_strerror(code));
	*ret_transfer = TAKE_PTR(transfer);
	return 0;
}

void http_transfer_free(struct http_transfer *transfer)
{
	if (!transfer)
		return;
	curl_easy_cleanup(transfer->easy);
	http_setup_unref(transfer->setup);
	buf_deinit(&transfer->request);
	buf_wipe(&transfer->response);
	for (int i = 0; i < HTTP_HEADER__MAX; i++)
		buf_wipe(&transfer->headers[i]);
	free(transfer);
}

/* Only https, or only http where that is what was asked for; nothing else libcurl speaks.
 */
static CURLcode set_protocol(struct http_transfer *transfer, const char *url)
{
	bool is_plain = !strncmp(url, "http://", strlen("http://"));

	if (is_plain == transfer->is_plain)
		return CURLE_OK;
	transfer->is_plain = is_plain;
	return curl_easy_setopt(
		transfer->easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
}

CURLcode http_transfer_prepare(struct http_transfer *transfer, uint64_t ticket,
	const char *url, const char *body, size_t body_len)
{
	const struct http_setup *setup = transfer->setup;
	CURL *easy = transfer->easy;
	CURLcode code;

	transfer->ticket = ticket;
	buf_clear(&transfer->request);
	buf_append(&transfer->request, body, body ? body_len : 0);
	code = set_protocol(transfer, url);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_URL, url);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)transfer->request.len);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->request.data);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
			body ? setup->headers_body : setup->headers_empty);
	return code;
}

static const struct {
	CURLcode code;
	const char *fault;
} faults[] = {
	{CURLE_COULDNT_RESOLVE_HOST, "resolve"},
	{CURLE_COULDNT_RESOLVE_PROXY, "resolve"},
	{CURLE_COULDNT_CONNECT, "connect"},
	{CURLE_PROXY, "connect"},
	{CURLE_SSL_CONNECT_ERROR, "tls"},
	{CURLE_PEER_FAILED_VERIFICATION, "tls"},
	{CURLE_SSL_CACERT_BADFILE, "tls"},
	{CURLE_SSL_CERTPROBLEM, "tls"},
	{CURLE_SSL_CIPHER, "tls"},
	{CURLE_SSL_ENGINE_NOTFOUND, "tls"},
	{CURLE_SSL_ENGINE_SETFAILED, "tls"},
	{CURLE_SSL_ENGINE_INITFAILED, "tls"},
	{CURLE_SSL_INVALIDCERTSTATUS, "tls"},
	{CURLE_SSL_ISSUER_ERROR, "tls"},
	{CURLE_SSL_CRL_BADFILE, "tls"},
	{CURLE_SSL_PINNEDPUBKEYNOTMATCH, "tls"},
	{CURLE_OPERATION_TIMEDOUT, "timeout"},
	{CURLE_GOT_NOTHING, "empty_reply"},
	{CURLE_PARTIAL_FILE, "cut_off"},
	{CURLE_SEND_ERROR, "send_error"},
	{CURLE_RECV_ERROR, "receive_error"},
	{CURLE_WEIRD_SERVER_REPLY, "receive_error"},
	{CURLE_UNSUPPORTED_PROTOCOL,
		"receive_error"}, /* HTTP/0.9, once something was sent */
	{CURLE_ABORTED_BY_CALLBACK, "aborted"},
};

static bool was_reset(const struct http_transfer *transfer, CURLcode code)
{
	long errnum = 0;

	if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR)
		return false;
	return !curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &errnum) &&
	       (errnum == ECONNRESET || errnum == EPIPE);
}

static const char *fault_code(const struct http_transfer *transfer, CURLcode code)
{
	if (transfer->is_too_big)
		return "too_big";
	if (transfer->is_second_send)
		return "second_send";
	if (code == CURLE_OK)
		return transfer->has_headers ? "other" : "cut_off";
	if (code == CURLE_UNSUPPORTED_PROTOCOL && !transfer->n_sends)
		return "other";
	if (was_reset(transfer, code))
		return "reset";
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i].code == code)
			return faults[i].fault;
	return "other";
}

static const char *fault_text(const struct http_transfer *transfer, CURLcode code)
{
	if (transfer->is_too_big)
		return has_headers_too_big(transfer)
			       ? "the headers are over 32 KiB or 100 lines"
			       : "the body is over 1 MiB";
	if (transfer->is_second_send)
		return "the connection died before an answer came; not sent again";
	if (code == CURLE_OK)
		return transfer->has_headers ? "the status is not 200 to 599"
					     : "the connection ended within the headers";
	/* libcurl holds a line in memory until it ends, and gives up at 100 KiB. */
	if (code == CURLE_OUT_OF_MEMORY && transfer->n_sends)
		return "a line of the answer is over 100 KiB, or there is no memory";
	return *transfer->error_text ? transfer->error_text : curl_easy_strerror(code);
}

/* An end of the connection within the headers is fine with libcurl: it calls that a
 * response with an empty body. And an interim answer that nothing follows has a status as
 * well. */
static enum reply_end find_end(
	const struct http_transfer *transfer, CURLcode code, int http_status)
{
	if (!transfer->n_sends)
		return REPLY_NOT_SENT;
	if (transfer->is_too_big)
		return REPLY_TOO_BIG;
	if (code || !transfer->has_headers || http_status < 200 || http_status > 599)
		return REPLY_BROKEN;
	return REPLY_WHOLE;
}

static const char *header(const struct http_transfer *transfer, enum http_header which)
{
	const struct buf *buf = &transfer->headers[which];

	return buf->len ? buf->data : NULL;
}

void http_transfer_reply(const struct http_transfer *transfer, CURLcode code,
	struct now received, struct reply *ret_reply)
{
	long status = 0;
	curl_off_t usec = 0;
	enum reply_end end;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &usec);
	end = find_end(transfer, code, (int)status);
	*ret_reply = (struct reply){
		.end = end,
		.fault_code = end == REPLY_WHOLE ? NULL : fault_code(transfer, code),
		.fault_text = end == REPLY_WHOLE ? NULL : fault_text(transfer, code),
		.http_status = status < 200 ? 0 : (int)status,
		.body = buf_str(&transfer->response),
		.body_len = transfer->response.len,
		.content_type = header(transfer, HTTP_HEADER_CONTENT_TYPE),
		.retry_after = header(transfer, HTTP_HEADER_RETRY_AFTER),
		.clerk_trace_id = header(transfer, HTTP_HEADER_CLERK_TRACE_ID),
		.cf_ray = header(transfer, HTTP_HEADER_CF_RAY),
		.location = header(transfer, HTTP_HEADER_LOCATION),
		.duration_ms = usec / 1000,
		.received = received,
		.key = &transfer->setup->key,
	};
}

int64_t http_transfer_date_ms(const struct http_transfer *transfer)
{
	const struct buf *date = &transfer->headers[HTTP_HEADER_DATE];

	return http_date_ms(buf_str(date), date->len);
}

static void recycle(struct buf *buf)
{
	if (buf->cap > KEEP_CAP_MAX) {
		buf_wipe(buf);
		return;
	}
	if (buf->len)
		explicit_bzero(buf->data, buf->len);
	buf_clear(buf);
}

void http_transfer_clear(struct http_transfer *transfer)
{
	recycle(&transfer->request);
	recycle(&transfer->response);
	for (int i = 0; i < HTTP_HEADER__MAX; i++)
		recycle(&transfer->headers[i]);
	transfer->header_bytes = 0;
	transfer->n_header_lines = 0;
	transfer->in_headers = false;
	transfer->has_headers = false;
	transfer->is_too_big = false;
	transfer->n_sends = 0;
	transfer->is_second_send = false;
	transfer->is_lost = false;
	transfer->error_text[0] = '\0';
}
