/* Sending an answer rightly is libmicrohttpd's work. Sending it wrongly is done here, on
 * the connection's socket, in its own thread:
 * - an RST at once, by taking the address from the socket (connect to AF_UNSPEC);
 * - a FIN, by the handler's refusal to go on;
 * - half of a body, by a reader that gives up;
 * - raw bytes, written behind the library's back while it waits for the handler. */
#include "emit.h"

#include "clock.h"
#include "mem.h"
#include "reply.h"
#include "timers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FLOOD_HEADERS   2000
#define FLOOD_INTERIM   1000
#define STALL_LOOK_US   200000
#define SEND_TIMEOUT_MS 1000

/* A body that is read piece by piece. */
struct piecemeal {
	struct timers *timers;             /* borrowed */
	struct MHD_Connection *connection; /* borrowed: it outlives the response */
	struct text body;
	enum transport transport;
	int drip_ms;
	int64_t due_us;
};

static int socket_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

static void reset(struct MHD_Connection *connection)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	(void)connect(socket_of(connection), &nowhere, sizeof(nowhere));
}

static bool client_is_gone(struct MHD_Connection *connection)
{
	struct pollfd look = {.fd = socket_of(connection), .events = POLLRDHUP};
	return poll(&look, 1, 0) > 0;
}

static void send_raw(struct MHD_Connection *connection, const struct text *bytes)
{
	int fd = socket_of(connection);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	for (size_t at = 0; at < bytes->len;) {
		ssize_t sent = send(fd, bytes->data + at, bytes->len - at, MSG_NOSIGNAL);
		if (sent > 0)
			at += (size_t)sent;
		else if (errno != EAGAIN || poll(&ready, 1, SEND_TIMEOUT_MS) <= 0)
			return;
	}
}

static void print_head(const struct reply *reply, struct text *out)
{
	text_printf(out,
		"HTTP/1.1 %d OK\r\nContent-Type: %s\r\nclerk-trace-id: %s\r\n"
		"Content-Length: %zu\r\n",
		reply->status, reply->content_type, reply->trace, reply->body.len);
}

static void print_body(const struct reply *reply, struct text *out)
{
	text_adds(out, "\r\n");
	text_add(out, reply->body.data ? reply->body.data : "", reply->body.len);
}

static void send_double(struct MHD_Connection *connection, const struct reply *reply)
{
	struct text bytes = {0};
	print_head(reply, &bytes);
	print_body(reply, &bytes);
	send_raw(connection, &bytes);
	text_free(&bytes);
}

static void send_headers_flood(
	struct MHD_Connection *connection, const struct reply *reply)
{
	struct text bytes = {0};
	print_head(reply, &bytes);
	for (int i = 0; i < FLOOD_HEADERS; i++)
		text_printf(&bytes, "X-Flood-%04d: %050d\r\n", i, i);
	print_body(reply, &bytes);
	send_raw(connection, &bytes);
	text_free(&bytes);
}

static void send_interim_flood(struct MHD_Connection *connection)
{
	struct text bytes = {0};
	for (int i = 0; i < FLOOD_INTERIM; i++)
		text_adds(&bytes, "HTTP/1.1 103 Early Hints\r\n\r\n");
	send_raw(connection, &bytes);
	text_free(&bytes);
}

static void free_piecemeal(void *cls)
{
	struct piecemeal *piecemeal = cls;
	text_free(&piecemeal->body);
	free(piecemeal);
}

static ssize_t read_half(struct piecemeal *piecemeal, uint64_t at, char *out, size_t max)
{
	size_t half = piecemeal->body.len / 2;
	if (at >= half) {
		if (piecemeal->transport == TRANSPORT_RESET_MIDDLE)
			reset(piecemeal->connection);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	size_t len = half - (size_t)at < max ? half - (size_t)at : max;
	memcpy(out, piecemeal->body.data + at, len);
	return (ssize_t)len;
}

/* The body without its last brace, then blanks for ever. */
static ssize_t read_endless(
	const struct piecemeal *piecemeal, uint64_t at, char *out, size_t max)
{
	memset(out, ' ', max);
	size_t len = piecemeal->body.len ? piecemeal->body.len - 1 : 0;
	if (at < len)
		memcpy(out, piecemeal->body.data + at,
			len - (size_t)at < max ? len - (size_t)at : max);
	return (ssize_t)max;
}

static ssize_t read_drip(struct piecemeal *piecemeal, uint64_t at, char *out)
{
	if (clock_mono_us() < piecemeal->due_us)
		return timers_suspend(piecemeal->timers, piecemeal->connection,
			       piecemeal->due_us)
			       ? 0
			       : MHD_CONTENT_READER_END_WITH_ERROR;
	piecemeal->due_us += (int64_t)piecemeal->drip_ms * 1000;
	out[0] = piecemeal->body.data[at];
	return 1;
}

static ssize_t on_read(void *cls, uint64_t at, char *out, size_t max)
{
	struct piecemeal *piecemeal = cls;
	if (piecemeal->transport == TRANSPORT_ENDLESS)
		return read_endless(piecemeal, at, out, max);
	if (piecemeal->transport == TRANSPORT_DRIP)
		return read_drip(piecemeal, at, out);
	return read_half(piecemeal, at, out, max);
}

static struct MHD_Response *piecemeal_response(
	struct timers *timers, struct MHD_Connection *connection, struct reply *reply)
{
	struct piecemeal *piecemeal = mem_zero(sizeof(*piecemeal));
	*piecemeal = (struct piecemeal){
		.timers = timers,
		.connection = connection,
		.body = reply->body,
		.transport = reply->transport,
		.drip_ms = reply->drip_ms,
		.due_us = clock_mono_us() + (int64_t)reply->drip_ms * 1000,
	};
	reply->body = (struct text){0};
	uint64_t size = reply->transport == TRANSPORT_ENDLESS ? MHD_SIZE_UNKNOWN
							      : piecemeal->body.len;
	struct MHD_Response *response = MHD_create_response_from_callback(
		size, 16384, on_read, piecemeal, free_piecemeal);
	if (!response)
		free_piecemeal(piecemeal);
	return response;
}

static struct MHD_Response *whole_response(struct reply *reply)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		reply->body.len, reply->body.data, MHD_RESPMEM_MUST_FREE);
	if (response)
		reply->body = (struct text){0};
	return response;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	/* A value with control characters is refused; no option of ours asks for one. */
	(void)MHD_add_response_header(response, name, value);
}

static void add_headers(struct MHD_Response *response, const struct reply *reply)
{
	if (reply->content_type)
		add_header(response, "Content-Type", reply->content_type);
	if (reply->cloudflare)
		add_header(response, "cf-ray", reply->trace);
	else
		add_header(response, "clerk-trace-id", reply->trace);
	if (reply->location)
		add_header(response, "Location", reply->location);
	if (!reply->retry_after)
		return;
	char *values = mem_copy(reply->retry_after), *rest = values, *value;
	while ((value = strsep(&rest, "\n")))
		add_header(response, "Retry-After", value);
	free(values);
}

static enum MHD_Result queue(
	struct timers *timers, struct MHD_Connection *connection, struct reply *reply)
{
	bool piecemeal = reply->transport == TRANSPORT_RESET_MIDDLE ||
			 reply->transport == TRANSPORT_CLOSE_MIDDLE ||
			 reply->transport == TRANSPORT_DRIP ||
			 reply->transport == TRANSPORT_ENDLESS;
	struct MHD_Response *response =
		piecemeal && (reply->body.len || reply->transport == TRANSPORT_ENDLESS)
			? piecemeal_response(timers, connection, reply)
			: whole_response(reply);
	if (!response)
		return MHD_NO;
	add_headers(response, reply);
	enum MHD_Result result =
		MHD_queue_response(connection, (unsigned int)reply->status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result emit_reply(
	struct timers *timers, struct MHD_Connection *connection, struct reply *reply)
{
	switch (reply->transport) {
	case TRANSPORT_RESET:
		reset(connection);
		return MHD_NO;
	case TRANSPORT_CLOSE:
		return MHD_NO;
	case TRANSPORT_STALL:
		if (client_is_gone(connection))
			return MHD_NO;
		return timers_suspend(timers, connection, clock_mono_us() + STALL_LOOK_US)
			       ? MHD_YES
			       : MHD_NO;
	case TRANSPORT_HEADERS_FLOOD:
		send_headers_flood(connection, reply);
		return MHD_NO;
	case TRANSPORT_INTERIM_FLOOD:
		send_interim_flood(connection);
		break;
	case TRANSPORT_DOUBLE:
		send_double(connection, reply);
		break;
	case TRANSPORT_PLAIN:
	case TRANSPORT_RESET_MIDDLE:
	case TRANSPORT_CLOSE_MIDDLE:
	case TRANSPORT_DRIP:
	case TRANSPORT_ENDLESS:
	case TRANSPORT__MAX:
		break;
	}
	return queue(timers, connection, reply);
}
