#include "base/config_file.h"

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LEN (1024 * 1024)

static int check_stat(const char *path, const struct stat *st, struct error *err)
{
	if (S_ISDIR(st->st_mode))
		return error_set(
			err, "%s: is a folder; a configuration file is wanted", path);
	if (!S_ISREG(st->st_mode))
		return error_set(err,
			"%s: is no regular file; a configuration file is wanted", path);
	if (st->st_size > MAX_LEN)
		return error_set(
			err, "%s: is over 1 MiB; a configuration file is smaller", path);
	if (st->st_mode & S_IWOTH)
		return error_set(err,
			"%s: can be written by everybody, who could so send the key "
			"elsewhere; "
			"chmod o-w %s",
			path, path);
	return 0;
}

/* Reads to the end, which may have moved since the fstat. */
static int read_all(int fd, const char *path, struct buf *ret_text, struct error *err)
{
	char chunk[16384];
	int r = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = error_errno(err, errno, "%s: cannot be read", path);
		if (n <= 0)
			break;
		buf_append(ret_text, chunk, (size_t)n);
		if (ret_text->len > MAX_LEN) {
			r = error_set(err,
				"%s: is over 1 MiB; a configuration file is smaller",
				path);
			break;
		}
	}
	explicit_bzero(chunk, sizeof(chunk));
	return r;
}

int config_file_read(const char *path, struct buf *ret_text, struct error *err)
{
	struct stat st;
	int fd, r;

	/* O_NONBLOCK: opening a FIFO would wait for its writer. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, errno, "%s: cannot be opened", path);
	if (fstat(fd, &st) < 0)
		r = error_errno(err, errno, "%s: cannot be looked at", path);
	else
		r = check_stat(path, &st, err);
	if (r == 0)
		r = read_all(fd, path, ret_text, err);
	(void)close(fd);
	return r;
}

static int check_marks(const char *path, const char *text, size_t len, struct error *err)
{
	if (strspn(text, " \t\r\n") == len)
		return error_set(err,
			"%s: is empty; a file of comments alone means every default",
			path);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return error_set(err,
			"%s:1: begins with a byte order mark; plain UTF-8 without one is "
			"wanted",
			path);
	if (len >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2)))
		return error_set(err,
			"%s:1: is UTF-16; plain UTF-8 without a byte order mark is "
			"wanted",
			path);
	return 0;
}

static const char *find_key(const char *text)
{
	for (; (text = strstr(text, "sk_")); text++)
		if ((!strncmp(text, "sk_live_", 8) || !strncmp(text, "sk_test_", 8)) &&
			isalnum((unsigned char)text[8]))
			return text;
	return NULL;
}

bool config_file_shows_key(const char *text)
{
	return find_key(text) != NULL;
}

static int line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static int check_lines(const char *path, const char *text, size_t len, struct error *err)
{
	const char *end = text + len;
	int number = 1;

	for (const char *line = text; line < end; number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end;
		size_t line_len = (size_t)(stop - line);
		const char *fault;

		if (line_len && line[line_len - 1] == '\r')
			line_len--;
		fault = parse_text_fault(line, line_len, SIZE_MAX, true);
		if (fault)
			return error_set(err,
				"%s:%d: the line %s; plain UTF-8 text is allowed", path,
				number, fault);
		line = stop + 1;
	}
	return 0;
}

int config_file_check(const char *path, const char *text, size_t len, struct error *err)
{
	const char *key;

	if (check_marks(path, text, len, err) < 0 ||
		check_lines(path, text, len, err) < 0)
		return -1;
	key = find_key(text);
	if (key)
		return error_set(err,
			"%s:%d: a Clerk secret key stands here; it belongs in a file of "
			"its own that "
			"clerk.secret_key_file names, or in the systemd credential "
			"clerk_secret_key "
			"(take it out and have it rotated)",
			path, line_of(text, key));
	return 0;
}
