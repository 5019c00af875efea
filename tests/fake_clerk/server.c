#include "server.h"

#include "api.h"
#include "clock.h"
#include "control.h"
#include "emit.h"
#include "fake.h"
#include "mem.h"
#include "request.h"
#include "timers.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONTROL_BODY_MAX (16 * 1024 * 1024)
#define CONNECTIONS_MAX  4096

struct server {
	struct fake *fake; /* borrowed */
	struct timers *timers;
	struct MHD_Daemon *daemon;
};

/* One request and answer on a connection. Owned by it. */
struct exchange {
	struct request request;
	bool control;
	bool decided;
	int64_t due_us;
};

static size_t on_unescape(void *cls, struct MHD_Connection *connection, char *string)
{
	/* The path is judged as it was sent. */
	(void)cls;
	(void)connection;
	return strlen(string);
}

static void on_connection(void *cls, struct MHD_Connection *connection,
	void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	(void)cls;
	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = mem_zero(sizeof(long long));
	else
		free(*socket_context);
}

/* A connection gets its number with its first request that is not a control call. */
static long long number_of(struct fake *fake, struct MHD_Connection *connection)
{
	long long *number =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			->socket_context;
	if (!*number)
		*number = ++fake->stats.connections;
	return *number;
}

static enum MHD_Result on_header(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct headers *headers = cls;
	(void)kind;
	if (strcasecmp(name, "Authorization") == 0) {
		headers->authorization = value;
		headers->n_authorization++;
	} else if (strcasecmp(name, "Clerk-API-Version") == 0) {
		headers->version = value;
		headers->n_version++;
	} else if (strcasecmp(name, "Content-Type") == 0) {
		headers->content_type = value;
	} else if (strcasecmp(name, "User-Agent") == 0) {
		headers->user_agent = value;
	} else if (strcasecmp(name, "Expect") == 0) {
		headers->expect = value;
	}
	return MHD_YES;
}

static void arrive(
	struct server *server, struct MHD_Connection *connection, struct request *request)
{
	struct fake *fake = server->fake;
	(void)MHD_get_connection_values(
		connection, MHD_HEADER_KIND, on_header, &request->headers);
	request->headers.version_param = MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "__clerk_api_version");
	(void)pthread_mutex_lock(&fake->lock);
	request->connection = number_of(fake, connection);
	if (++fake->stats.concurrent > fake->stats.concurrent_max)
		fake->stats.concurrent_max = fake->stats.concurrent;
	(void)pthread_mutex_unlock(&fake->lock);
	api_arrive(fake, request);
}

static struct exchange *start(struct server *server, struct MHD_Connection *connection,
	const char *path, const char *method)
{
	struct exchange *exchange = mem_zero(sizeof(*exchange));
	exchange->request.path = path;
	exchange->request.method = method;
	exchange->control = strncmp(path, "/control/", 9) == 0;
	if (!exchange->control)
		arrive(server, connection, &exchange->request);
	return exchange;
}

static void add_body(struct exchange *exchange, const char *bytes, size_t len)
{
	struct request *request = &exchange->request;
	size_t max = exchange->control ? CONTROL_BODY_MAX : API_BODY_MAX;
	if (request->body.len + len > max)
		request->body_too_large = true;
	else
		text_add(&request->body, bytes, len);
}

static void control(struct server *server, struct MHD_Connection *connection,
	struct exchange *exchange)
{
	struct request *request = &exchange->request;
	struct control_call call = {
		.method = request->method,
		.path = request->path + strlen("/control/"),
		.from = MHD_lookup_connection_value(
			connection, MHD_GET_ARGUMENT_KIND, "from"),
		.id = MHD_lookup_connection_value(
			connection, MHD_GET_ARGUMENT_KIND, "id"),
		.body = &request->body,
	};
	request->reply.content_type = "application/json";
	request->reply.status = control_handle(server->fake, &call, &request->reply.body);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *upload,
	size_t *upload_len, void **context)
{
	struct server *server = cls;
	struct exchange *exchange = *context;
	(void)version;
	if (!exchange) {
		*context = start(server, connection, path, method);
		return MHD_YES;
	}
	if (*upload_len) {
		add_body(exchange, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	struct request *request = &exchange->request;
	if (exchange->control) {
		control(server, connection, exchange);
	} else if (!exchange->decided) {
		api_decide(server->fake, request);
		exchange->decided = true;
		if (request->delay_ms)
			exchange->due_us = clock_mono_us() + request->delay_ms * 1000;
	}
	if (exchange->due_us && clock_mono_us() < exchange->due_us)
		return timers_suspend(server->timers, connection, exchange->due_us)
			       ? MHD_YES
			       : MHD_NO;
	return emit_reply(server->timers, connection, &request->reply);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct server *server = cls;
	struct exchange *exchange = *context;
	(void)connection;
	(void)code;
	if (!exchange)
		return;
	if (!exchange->control) {
		(void)pthread_mutex_lock(&server->fake->lock);
		server->fake->stats.concurrent--;
		(void)pthread_mutex_unlock(&server->fake->lock);
	}
	api_forget(&exchange->request);
	free(exchange);
	*context = NULL;
}

static struct MHD_Daemon *listen_on(
	struct server *server, const struct server_config *config)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(config->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct MHD_OptionItem more[4] = {0};
	int n = 0;
	if (config->n_threads > 1)
		more[n++] = (struct MHD_OptionItem){
			MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)config->n_threads, NULL};
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	if (config->tls_cert) {
		flags |= MHD_USE_TLS;
		/* The library only reads them. */
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
			(void *)(uintptr_t)config->tls_cert};
		more[n++] = (struct MHD_OptionItem){
			MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)config->tls_key};
	}
	more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	return MHD_start_daemon(flags, config->port, NULL, NULL, on_request, server,
		MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, server, MHD_OPTION_ARRAY, more,
		MHD_OPTION_END);
}

struct server *server_new(struct fake *fake, const struct server_config *config)
{
	struct server *server = mem_zero(sizeof(*server));
	server->fake = fake;
	server->timers = timers_new();
	if (server->timers)
		server->daemon = listen_on(server, config);
	if (server->daemon)
		return server;
	(void)fprintf(
		stderr, "fake_clerk: cannot listen on 127.0.0.1:%u\n", config->port);
	server_free(server);
	return NULL;
}

uint16_t server_port(const struct server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	/* The daemon does not stop while connections are suspended. */
	if (server->timers)
		timers_stop(server->timers);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	timers_free(server->timers);
	free(server);
}
