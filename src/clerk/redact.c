#include "clerk/redact.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"

#include <ctype.h>
#include <string.h>

#define REDACTED "[redacted]"
#define TICKET   "__clerk_ticket"

/* The least that has to follow "eyJ": a JWT's header alone is longer. */
#define JWT_TAIL_MIN 8

static bool is_word(char c)
{
	return isascii((unsigned char)c) &&
	       (isalnum((unsigned char)c) || c == '_' || c == '-');
}

static bool starts_with(const char *text, size_t len, const char *prefix)
{
	size_t prefix_len = strlen(prefix);

	return len >= prefix_len && !memcmp(text, prefix, prefix_len);
}

static size_t known_len(const struct redact *redact, const char *text, size_t len)
{
	size_t longest = 0;

	for (size_t i = 0; i < ARRAY_LEN(redact->known); i++) {
		const struct secret *secret = redact->known[i];

		if (secret && secret->len > longest && secret->len <= len &&
			!memcmp(text, secret->text, secret->len))
			longest = secret->len;
	}
	return longest;
}

static size_t key_len(const char *text, size_t len)
{
	size_t n = strlen("sk_live_");

	if (!starts_with(text, len, "sk_live_") && !starts_with(text, len, "sk_test_"))
		return 0;
	while (n < len && is_word(text[n]))
		n++;
	return n;
}

/* A JWT that somebody cut short is a secret as well, so the two dots are not insisted on.
 */
static size_t jwt_len(const char *text, size_t len)
{
	size_t n = strlen("eyJ");

	if (!starts_with(text, len, "eyJ"))
		return 0;
	while (n < len && (is_word(text[n]) || text[n] == '.'))
		n++;
	return n >= strlen("eyJ") + JWT_TAIL_MIN ? n : 0;
}

/* *ret_name_len bytes of the name stay, the value behind it goes. */
static size_t ticket_len(const char *text, size_t len, size_t *ret_name_len)
{
	size_t n = strlen(TICKET);

	if (!starts_with(text, len, TICKET))
		return 0;
	if (n < len && text[n] == '=')
		n++;
	else if (n + 2 < len && !strncasecmp(text + n, "%3d", 3))
		n += 3;
	else
		return 0;
	*ret_name_len = n;
	while (n < len && !strchr(" \t\r\n&#\"'<>", text[n]))
		n++;
	return n;
}

/* Length of the secret that starts at text, 0 = none does; its first *ret_keep bytes may
 * be shown. */
static size_t secret_len(
	const struct redact *redact, const char *text, size_t len, size_t *ret_keep)
{
	size_t n = known_len(redact, text, len);

	*ret_keep = 0;
	switch (*text) {
	case 's':
		return n ? n : key_len(text, len);
	case 'e':
		return n ? n : jwt_len(text, len);
	case '_':
		return n ? n : ticket_len(text, len, ret_keep);
	default:
		return n;
	}
}

/* Length of the printable character at text; 0 where it is none. */
static size_t printable_len(const char *text, size_t len)
{
	unsigned char lead = (unsigned char)*text;
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	return n <= len && !parse_text_fault(text, n, n, false) ? n : 0;
}

static bool append(struct buf *line, const char *text, size_t len)
{
	if (line->len + len > REDACT_LEN_MAX)
		return false;
	buf_append(line, text, len);
	return true;
}

/* Blanks come one at a time and never first. */
static bool append_blank(struct buf *line)
{
	if (!line->len || line->data[line->len - 1] == ' ')
		return true;
	return append(line, " ", 1);
}

/* Appends what stands at text. Returns how many bytes of it are done with, 0 = line is
 * full. */
static size_t append_next(
	const struct redact *redact, struct buf *line, const char *text, size_t len)
{
	size_t keep;
	size_t n = secret_len(redact, text, len, &keep);

	if (n)
		return append(line, text, keep) &&
				       append(line, REDACTED, strlen(REDACTED))
			       ? n
			       : 0;
	n = printable_len(text, len);
	if (n == 0 || *text == ' ')
		return append_blank(line) ? 1 : 0;
	return append(line, text, n) ? n : 0;
}

char *redact_line(const struct redact *redact, const char *text, size_t len)
{
	AUTO(buf) struct buf line = BUF_NULL;
	size_t n;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += n) {
		n = append_next(redact, &line, text + i, len - i);
		if (n == 0)
			break;
	}
	while (line.len && line.data[line.len - 1] == ' ')
		line.len--;
	return line.len ? xstrndup(line.data, line.len) : NULL;
}

bool redact_holds_secret(const struct redact *redact, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(redact->known); i++)
		if (redact->known[i] && secret_occurs(redact->known[i], text))
			return true;
	return false;
}
