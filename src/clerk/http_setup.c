#include "clerk/http_setup.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No Expect: it makes libcurl wait a second for 100. The empty Content-Type keeps libcurl
 * from naming one for a request without a body. */
static const char *const common_headers[] = {"Accept: application/json", "Expect:"};

static void free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

static int add_header(struct curl_slist **headers, const char *line, struct error *err)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (!longer)
		return error_set(err, "libcurl takes no header: out of memory");
	*headers = longer;
	return 0;
}

static int make_headers(const struct http_options *options, const char *content_type,
	struct curl_slist **headers, struct error *err)
{
	AUTO(buf_wiped) struct buf authorization = BUF_NULL;
	AUTO(buf) struct buf version = BUF_NULL;

	buf_puts(&authorization, "Authorization: Bearer ");
	buf_append(&authorization, options->key->text, options->key->len);
	buf_printf(&version, "Clerk-API-Version: %s", options->api_version);
	if (add_header(headers, authorization.data, err) < 0 ||
		add_header(headers, version.data, err) < 0 ||
		add_header(headers, content_type, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(common_headers); i++)
		if (add_header(headers, common_headers[i], err) < 0)
			return -1;
	return 0;
}

/* A file that is not there would otherwise show as a TLS failure of each transfer. */
int http_check(const struct http_options *options, struct error *err)
{
	if (*options->ca_file && access(options->ca_file, R_OK) < 0)
		return error_errno(
			err, errno, "cannot read the CA file %s", options->ca_file);
	return 0;
}

static long to_long(int64_t value)
{
	return value < LONG_MAX ? (long)value : LONG_MAX;
}

DEFINE_CLEANUP(setup, struct http_setup *, http_setup_unref);

int http_setup_new(const struct http_options *options, struct http_setup **ret_setup,
	struct error *err)
{
	AUTO(setup) struct http_setup *setup = xcalloc(1, sizeof(*setup));

	setup->n_refs = 1;
	secret_init(&setup->key, options->key->text, options->key->len);
	setup->ca_file = xstrdup(options->ca_file);
	setup->proxy = xstrdup(options->proxy);
	setup->connect_timeout_ms = to_long(options->connect_timeout_ms);
	setup->request_timeout_ms = to_long(options->request_timeout_ms);
	if (http_check(options, err) < 0 ||
		make_headers(options, "Content-Type: application/json",
			&setup->headers_body, err) < 0 ||
		make_headers(options, "Content-Type:", &setup->headers_empty, err) < 0)
		return -1;
	*ret_setup = TAKE_PTR(setup);
	return 0;
}

struct http_setup *http_setup_ref(struct http_setup *setup)
{
	setup->n_refs++;
	return setup;
}

void http_setup_unref(struct http_setup *setup)
{
	if (!setup || --setup->n_refs > 0)
		return;
	secret_deinit(&setup->key);
	free_headers(setup->headers_body);
	free_headers(setup->headers_empty);
	free(setup->ca_file);
	free(setup->proxy);
	free(setup);
}

/* HTTP/1.1: libcurl 7.88's HTTP/2 can take an aborted body for a whole one, and there is
 * nothing to gain at Clerk's limits. QUICK_EXIT: removing a transfer that still resolves
 * would wait for the resolver's thread, and with it the loop. PROXYTUNNEL: even a
 * plain-text request shows its Authorization to the server alone. */
static const struct {
	CURLoption option;
	long value;
} invariants[] = {
	{CURLOPT_NOSIGNAL, 1},
	/* An answer has some 1,200 bytes: less to keep per connection. */
	{CURLOPT_BUFFERSIZE, 4096},
	{CURLOPT_UPLOAD_BUFFERSIZE, 16384},
	{CURLOPT_NOPROGRESS, 1},
	{CURLOPT_POST, 1},
	{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
	{CURLOPT_HTTP09_ALLOWED, 0},
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_UNRESTRICTED_AUTH, 0},
	{CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
	{CURLOPT_NETRC, CURL_NETRC_IGNORED},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_PROXY_SSL_VERIFYPEER, 1},
	{CURLOPT_PROXY_SSL_VERIFYHOST, 2},
	{CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_HTTPPROXYTUNNEL, 1},
	{CURLOPT_HEADEROPT, CURLHEADER_SEPARATE},
	{CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
	{CURLOPT_TCP_NODELAY, 1},
	{CURLOPT_LOW_SPEED_LIMIT, 1},
	{CURLOPT_LOW_SPEED_TIME, 15},
	{CURLOPT_MAXAGE_CONN, 55},
	{CURLOPT_MAXLIFETIME_CONN, 600},
	{CURLOPT_QUICK_EXIT, 1},
};

static CURLcode apply_invariants(CURL *easy)
{
	for (size_t i = 0; i < ARRAY_LEN(invariants); i++) {
		CURLcode code =
			curl_easy_setopt(easy, invariants[i].option, invariants[i].value);

		if (code)
			return code;
	}
	return CURLE_OK;
}

/* A CA file of one's own replaces the system's store, folder included. */
static CURLcode apply_ca_file(const struct http_setup *setup, CURL *easy)
{
	CURLcode code;

	if (!*setup->ca_file)
		return CURLE_OK;
	code = curl_easy_setopt(easy, CURLOPT_CAINFO, setup->ca_file);
	return code ? code : curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

int http_setup_apply(const struct http_setup *setup, CURL *easy, struct error *err)
{
	CURLcode code = apply_invariants(easy);

	if (!code)
		code = apply_ca_file(setup, easy);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PROXY, setup->proxy);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (!code)
		code = curl_easy_setopt(
			easy, CURLOPT_USERAGENT, "clerk-tokend/" PROJECT_VERSION);
	if (!code)
		code = curl_easy_setopt(
			easy, CURLOPT_CONNECTTIMEOUT_MS, setup->connect_timeout_ms);
	if (!code)
		code = curl_easy_setopt(
			easy, CURLOPT_TIMEOUT_MS, setup->request_timeout_ms);
	return code ? error_set(err, "libcurl does not take an option: %s",
			      curl_easy_strerror(code))
		    : 0;
}
