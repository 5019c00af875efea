#include "clerk/http_idle.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_idle_entry {
	curl_socket_t fd;        /* libcurl's */
	sd_event_source *source; /* NULL = it is in use */
};

static struct http_idle_entry *find(const struct http_idle *idle, curl_socket_t fd)
{
	for (int i = 0; i < idle->n_entries; i++)
		if (idle->entries[i].fd == fd)
			return &idle->entries[i];
	return NULL;
}

void http_idle_deinit(struct http_idle *idle)
{
	for (int i = 0; i < idle->n_entries; i++)
		(void)sd_event_source_disable_unref(idle->entries[i].source);
	free(TAKE_PTR(idle->entries));
	idle->n_entries = 0;
}

static int on_opened(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
	struct http_idle *idle = userdata;

	(void)purpose;
	idle->entries = xrealloc(
		idle->entries, sizeof(*idle->entries) * (size_t)(idle->n_entries + 1));
	idle->entries[idle->n_entries++] = (struct http_idle_entry){.fd = fd};
	return CURL_SOCKOPT_OK;
}

static int on_close(void *userdata, curl_socket_t fd)
{
	struct http_idle *idle = userdata;
	struct http_idle_entry *entry = find(idle, fd);

	if (entry) {
		(void)sd_event_source_disable_unref(entry->source);
		*entry = idle->entries[--idle->n_entries];
	}
	return close(fd);
}

CURLcode http_idle_apply(struct http_idle *idle, CURL *easy)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_opened);

	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, idle);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, idle);
	return code;
}

/* Nothing comes after the shutdown, so reading ends; what is left unread libcurl would
 * take for a sign of life. */
static int on_speaks(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char bytes[4096];

	(void)revents;
	(void)userdata;
	(void)shutdown(fd, SHUT_RDWR);
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int http_idle_begin(struct http_idle *idle, curl_socket_t fd)
{
	struct http_idle_entry *entry = find(idle, fd);
	int r;

	if (!entry || entry->source)
		return 0;
	r = sd_event_add_io(
		idle->event, &entry->source, fd, EPOLLIN | EPOLLRDHUP, on_speaks, NULL);
	/* Before libcurl's timer, which would begin to use it. */
	if (r >= 0)
		r = sd_event_source_set_priority(
			entry->source, SD_EVENT_PRIORITY_IMPORTANT);
	return r < 0 ? r : 0;
}

void http_idle_end(struct http_idle *idle, curl_socket_t fd)
{
	struct http_idle_entry *entry = find(idle, fd);

	if (entry)
		entry->source = sd_event_source_disable_unref(entry->source);
}
