/*
 * The connections that wait in libcurl's pool for their next request.
 *
 * What a server says on one of them, nobody asked for: a second answer, or the 408 with
 * which proxies end an idle connection. libcurl would take it for the answer to the next
 * request that it sends there, which is another job's. So each idle connection is
 * watched; one that speaks, or ends, is shut down and emptied, and libcurl, which looks
 * for the end of a connection before it uses it again, opens another one.
 */
#pragma once

#include <curl/curl.h>
#include <systemd/sd-event.h>

struct http_idle_entry;

/* Owns the entries. Zeroed but for event before use. */
struct http_idle {
	sd_event *event; /* borrowed */
	struct http_idle_entry *entries;
	int n_entries;
};

/* Frees all, once libcurl has closed its connections. Idempotent. */
void http_idle_deinit(struct http_idle *idle);

/* Has libcurl tell idle (borrowed by all connections of easy) of the sockets that it
 * opens and closes. */
CURLcode http_idle_apply(struct http_idle *idle, CURL *easy);

/* libcurl watches the socket no more: whatever comes now comes unasked. Sockets that are
 * no connections are passed over. 0, or -errno where it cannot be watched. */
int http_idle_begin(struct http_idle *idle, curl_socket_t fd);

/* libcurl watches the socket again. */
void http_idle_end(struct http_idle *idle, curl_socket_t fd);
