/* What all transfers of one configuration have in common. Shared by counting: transfers
 * under way keep the one that they began with. */
#pragma once

#include "base/error.h"
#include "clerk/http.h"

#include <curl/curl.h>

struct http_setup {
	int n_refs;
	struct secret key; /* owned, as all here; what an answer may repeat */
	char *ca_file;     /* "" = the system's */
	char *proxy;
	long connect_timeout_ms;
	long request_timeout_ms;
	struct curl_slist
		*headers_body; /* with a body; both hold the key, wiped before freed */
	struct curl_slist *headers_empty; /* without one */
};

/* Makes one of options, with one reference. Fails where libcurl does or ca_file cannot be
 * read. */
int http_setup_new(const struct http_options *options, struct http_setup **ret_setup,
	struct error *err);

/* One more holder. Returns setup. */
struct http_setup *http_setup_ref(struct http_setup *setup);

/* One holder less; the last one wipes and frees. NULL is fine. */
void http_setup_unref(struct http_setup *setup);

/* Gives easy everything that does not change from one request to the next. easy borrows
 * the headers, so its owner holds a reference. */
int http_setup_apply(const struct http_setup *setup, CURL *easy, struct error *err);
