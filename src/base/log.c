#include "base/log.h"

#include "base/mem.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static bool to_journal;
static long long n_lost; /* lines that stderr did not take */

static const struct {
	const char *word;
	int priority;
} levels[LOG_LEVEL__MAX] = {
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
	[LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream the journal reads. */
void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	/* NOLINTNEXTLINE(cert-err34-c): a number too big is no file's */
	to_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		     fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)device &&
		     st.st_ino == (ino_t)inode;
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

int log_level_parse(const char *word)
{
	for (int i = 0; i < LOG_LEVEL__MAX; i++)
		if (!strcmp(levels[i].word, word))
			return i;
	return -1;
}

/* A control character would let data forge lines or move a terminal's cursor. U+0080 to
 * U+009F are ones too, in two bytes of UTF-8. */
static void defuse(char *text)
{
	for (; *text; text++) {
		unsigned char next = (unsigned char)text[1];

		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
		else if ((unsigned char)*text == 0xc2 && next >= 0x80 && next < 0xa0)
			text[0] = text[1] = '?';
	}
}

static int add_field(struct iovec *iov, int n, char *owned)
{
	iov[n].iov_base = owned;
	iov[n].iov_len = strlen(owned);
	return n + 1;
}

static void send_to_journal(
	enum log_level level, const struct log_fields *fields, const char *text)
{
	struct iovec iov[5];
	int n = 0;

	n = add_field(iov, n, xasprintf("MESSAGE=%s", text));
	n = add_field(iov, n, xasprintf("PRIORITY=%d", levels[level].priority));
	if (fields && fields->job_id)
		n = add_field(
			iov, n, xasprintf("JOB_ID=%lld", (long long)fields->job_id));
	if (fields && fields->sign_in_token_id)
		n = add_field(iov, n,
			xasprintf("SIGN_IN_TOKEN_ID=%s", fields->sign_in_token_id));
	if (fields && fields->trace_id)
		n = add_field(iov, n, xasprintf("CLERK_TRACE_ID=%s", fields->trace_id));
	if (sd_journal_sendv(iov, n) < 0)
		(void)fprintf(stderr, "<%d>%s\n", levels[level].priority, text);
	while (n-- > 0)
		free(iov[n].iov_base);
}

/* Whether a line can be written without waiting. A pipe that is ready takes PIPE_BUF
 * bytes at once, a socket or terminal that is ready takes a line. */
static bool takes_a_line(void)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1 && fd.revents & POLLOUT;
}

/* A reader that hangs must not stop the daemon: what its pipe does not take is lost, and
 * counted. */
static void send_to_stderr(
	enum log_level level, const struct log_fields *fields, const char *text)
{
	char about[320] = "";

	if (!takes_a_line()) {
		n_lost++;
		return;
	}
	if (n_lost) {
		(void)fprintf(stderr,
			"warning: %lld lines of this log were lost: nobody read it\n",
			n_lost);
		n_lost = 0;
		if (!takes_a_line()) {
			n_lost = 1;
			return;
		}
	}
	if (fields && fields->job_id)
		(void)snprintf(
			about, sizeof(about), "job %lld: ", (long long)fields->job_id);
	(void)fprintf(stderr, "%s: %s%s\n", levels[level].word, about, text);
}

void log_line(
	enum log_level level, const struct log_fields *fields, const char *format, ...)
{
	AUTO(free_ptr) char *whole = NULL;
	char cut[1024]; /* why the process ends is said without memory too */
	char *text;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, format);
	if (vasprintf(&whole, format, ap) < 0)
		whole = NULL;
	va_end(ap);
	va_start(ap, format);
	if (!whole)
		(void)vsnprintf(cut, sizeof(cut), format, ap);
	va_end(ap);
	text = whole ? whole : cut;
	defuse(text);
	if (to_journal)
		send_to_journal(level, fields, text);
	else
		send_to_stderr(level, fields, text);
}
