#include "base/config_url.h"

#include "base/mem.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a URL, copied: all owned strings, never NULL after split(). */
struct url {
	char *scheme;
	char *authority; /* host and port as written, in lower case */
	char *host;      /* without the brackets of an IPv6 address */
	char *path;
};

static void url_deinit(struct url *url)
{
	free(url->scheme);
	free(url->authority);
	free(url->host);
	free(url->path);
}

static inline void url_cleanup(struct url *url)
{
	url_deinit(url);
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* A whole-number port, or nothing behind the colon's absence. */
static bool is_port(const char *text)
{
	int64_t port;

	return !*text || (*text == ':' && parse_int64(text + 1, 1, 65535, &port));
}

static bool is_ipv6(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET6, host, &address) == 1;
}

/* Letters, digits, '-', and single dots between. What is made of digits and dots alone
 * has to be an IPv4 address in its usual form: 127.1 and 0177.0.0.1 mean different hosts
 * to different readers. */
static bool is_host_name(const char *host)
{
	struct in_addr address;
	size_t len = strlen(host);

	if (len < 1 || len > 253 || *host == '.' || *host == '-' || strstr(host, ".."))
		return false;
	if (host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.")])
		return false;
	if (!host[strspn(host, "0123456789.")])
		return inet_pton(AF_INET, host, &address) == 1;
	return true;
}

/* Takes the host out of the authority and checks both. */
static const char *split_authority(struct url *url)
{
	const char *text = url->authority;
	size_t len;

	if (*text == '[') {
		len = strcspn(text, "]");
		if (!text[len] || !is_port(text + len + 1))
			return "the URL's host or port is none";
		url->host = xstrndup(text + 1, len - 1);
		return is_ipv6(url->host) ? NULL : "the URL's host is no address";
	}
	len = strcspn(text, ":");
	url->host = xstrndup(text, len);
	if (!is_port(text + len))
		return "the URL's port is none";
	return is_host_name(url->host) ? NULL : "the URL's host is none";
}

static const char *split(const char *text, struct url *ret_url)
{
	size_t scheme = strcspn(text, ":");
	const char *authority = text + scheme + 3;
	size_t len;

	if (strncmp(text + scheme, "://", 3) != 0)
		return "it is no URL";
	len = strcspn(authority, "/?#\\");
	if (memchr(authority, '@', len))
		return "the URL names a user or password, which is a secret and has no "
		       "place here";
	if (strchr(text, '?'))
		return "the URL has a query";
	if (strchr(text, '#'))
		return "the URL has a fragment";
	ret_url->scheme = xstrndup(text, scheme);
	lower(ret_url->scheme);
	ret_url->authority = xstrndup(authority, len);
	lower(ret_url->authority);
	ret_url->path = xstrdup(authority + len);
	return split_authority(ret_url);
}

/* 127.0.0.0/8, ::1 or localhost: written so, no name that could be pointed elsewhere. */
static bool is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return !strcmp(host, "localhost");
}

/* Cuts final slashes and one final "/v1", which the caller puts back. */
static void trim_path(char *path)
{
	for (int pass = 0; pass < 2; pass++) {
		size_t len = strlen(path);

		while (len && path[len - 1] == '/')
			path[--len] = '\0';
		if (pass == 0 && len >= 3 && !strcmp(path + len - 3, "/v1"))
			path[len - 3] = '\0';
	}
}

static const char *check_path(const char *path)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~/";

	if (path[strspn(path, allowed)])
		return "the URL's path holds a character other than letters, digits and "
		       "-._~/";
	if (strstr(path, "//") || strstr(path, "/."))
		return "the URL's path holds // or /.";
	return NULL;
}

const char *config_url_normalize(const char *text, char **ret_url)
{
	AUTO(url) struct url url = {0};
	const char *fault = split(text, &url);

	if (fault)
		return fault;
	if (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0)
		return "the URL is neither https: nor http:";
	if (!strcmp(url.scheme, "http") && !is_loopback(url.host))
		return "plain http: would show the key to the network";
	trim_path(url.path);
	fault = check_path(url.path);
	if (fault)
		return fault;
	*ret_url = xasprintf("%s://%s%s/v1", url.scheme, url.authority, url.path);
	return NULL;
}

const char *config_url_check_proxy(const char *text)
{
	AUTO(url) struct url url = {0};
	const char *fault = split(text, &url);

	if (fault)
		return fault;
	if (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0)
		return "the proxy is neither http: nor https:";
	if (*url.path && strcmp(url.path, "/") != 0)
		return "the proxy's URL has a path";
	return NULL;
}
