#include "ctl/anchors.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void anchors_deinit(struct anchors *anchors)
{
	free(anchors->anchors);
	*anchors = (struct anchors){0};
}

static bool read_one(const char *text, size_t len, struct anchor *ret)
{
	const char *colon = memchr(text, ':', len);
	char seq[24];

	if (!colon || (size_t)(colon - text) >= sizeof(seq) ||
		len - (size_t)(colon - text) - 1 != CHAIN_HEX_LEN - 1)
		return false;
	(void)snprintf(seq, sizeof(seq), "%.*s", (int)(colon - text), text);
	if (!parse_int64(seq, 1, INT64_MAX, &ret->seq))
		return false;
	(void)snprintf(
		ret->hash, sizeof(ret->hash), "%.*s", (int)CHAIN_HEX_LEN - 1, colon + 1);
	return strspn(ret->hash, "0123456789abcdef") == CHAIN_HEX_LEN - 1;
}

static void add(struct anchors *anchors, const struct anchor *anchor)
{
	if (anchors->n == anchors->cap) {
		anchors->cap = anchors->cap ? anchors->cap * 2 : 16;
		anchors->anchors = xrealloc(
			anchors->anchors, anchors->cap * sizeof(*anchors->anchors));
	}
	anchors->anchors[anchors->n++] = *anchor;
}

int anchors_add(struct anchors *anchors, const char *text, struct error *err)
{
	struct anchor anchor;

	if (!read_one(text, strlen(text), &anchor))
		return error_set(err,
			"\"%.100s\" is no checkpoint: SEQ:HASH is wanted, the hash being "
			"64 "
			"digits of 0-9 a-f",
			text);
	add(anchors, &anchor);
	return 0;
}

/* The first word of the line that is one. */
static bool find_in_line(const char *line, struct anchor *ret)
{
	static const char blanks[] = " \t\r\n,;\"";

	for (line += strspn(line, blanks); *line; line += strspn(line, blanks)) {
		size_t len = strcspn(line, blanks);

		if (read_one(line, len, ret))
			return true;
		line += len;
	}
	return false;
}

static int read_line(
	struct anchors *anchors, const char *line, int64_t number, struct error *err)
{
	struct anchor anchor;
	size_t blanks = strspn(line, " \t\r\n");

	if (!line[blanks] || line[blanks] == '#')
		return 0;
	if (!find_in_line(line, &anchor))
		return error_set(
			err, "line %" PRId64 ": there is no SEQ:HASH in it", number);
	add(anchors, &anchor);
	return 0;
}

int anchors_read(struct anchors *anchors, const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	size_t cap = 0, before = anchors->n;
	char *line = NULL;
	int rc = 0;

	if (!file)
		return error_errno(err, errno, "%s", path);
	for (int64_t number = 1; rc == 0 && getline(&line, &cap, file) >= 0; number++)
		rc = read_line(anchors, line, number, err);
	if (rc == 0 && ferror(file))
		rc = error_set(err, "cannot be read");
	if (rc == 0 && anchors->n == before)
		rc = error_set(err, "there is no checkpoint in it");
	if (rc < 0)
		(void)error_prefix(err, "%s", path);
	free(line);
	(void)fclose(file);
	return rc;
}

bool anchors_none_yet(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? errno == ENOENT : st.st_size == 0;
}

/* One write, so that a line is there whole or not: half of one would keep every later run
 * from reading the file. 0, or -1 with errno. */
static int append(int fd, int64_t wall_ms, int64_t seq, const char *hash)
{
	char at[CLOCK_TEXT_LEN], last = '\n';
	struct stat st;
	int errnum;

	if (fstat(fd, &st) < 0 || (st.st_size == 0 && fchmod(fd, 0644) < 0) ||
		(st.st_size && pread(fd, &last, 1, st.st_size - 1) != 1))
		return -1;
	clock_format_s(wall_ms, at);
	/* A line that somebody left without its end must not swallow this one. */
	AUTO(free_ptr)
	char *line = xasprintf(
		"%s%s %" PRId64 ":%s\n", last == '\n' ? "" : "\n", at, seq, hash);
	if (write(fd, line, strlen(line)) == (ssize_t)strlen(line))
		return fsync(fd);
	errnum = errno;
	if (ftruncate(fd, st.st_size) == 0)
		errno = errnum;
	return -1;
}

int anchors_append(const char *path, int64_t wall_ms, int64_t seq, const char *hash,
	struct error *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
	int rc = 0;

	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	errno = ENOSPC; /* what a write that was cut short means */
	if (append(fd, wall_ms, seq, hash) < 0)
		rc = error_errno(err, errno, "cannot append to %s", path);
	(void)close(fd);
	return rc;
}

static int by_seq(const void *a, const void *b)
{
	const struct anchor *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

void anchors_sort(struct anchors *anchors)
{
	if (anchors->n)
		qsort(anchors->anchors, anchors->n, sizeof(*anchors->anchors), by_seq);
	anchors->at = 0;
}

void anchors_meet(struct anchors *anchors, int64_t seq, const char *hash)
{
	for (; anchors->at < anchors->n; anchors->at++) {
		const struct anchor *anchor = &anchors->anchors[anchors->at];

		if (anchor->seq > seq)
			return;
		if (strcmp(anchor->hash, hash) != 0 && !anchors->fault.text[0])
			(void)error_set(&anchors->fault,
				"row %" PRId64
				": the checkpoint says %s, the audit %s: the "
				"audit was rewritten",
				seq, anchor->hash, hash);
	}
}

void anchors_end(struct anchors *anchors, int64_t seq)
{
	if (anchors->at == anchors->n || anchors->fault.text[0])
		return;
	(void)error_set(&anchors->fault,
		"row %" PRId64
		": there is a checkpoint of it, but the audit ends with row "
		"%" PRId64 ": its tail was cut off",
		anchors->anchors[anchors->at].seq, seq);
}
