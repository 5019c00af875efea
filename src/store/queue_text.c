#include "store/queue_text.h"

#include "base/parse.h"

#include <stdbool.h>
#include <string.h>

/* Length of the character at s (of at most len bytes), 0 where it is not UTF-8.
 * *ret_plain: it is no control character either. */
static size_t character(const char *s, size_t len, bool *ret_plain)
{
	unsigned char lead = (unsigned char)*s;
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	bool c1 = lead == 0xc2 && len > 1 && (unsigned char)s[1] >= 0x80 &&
		  (unsigned char)s[1] < 0xa0;

	*ret_plain = n <= len && !parse_text_fault(s, n, n, false);
	return *ret_plain || lead < 0x80 || c1 ? n : 0;
}

void queue_text_show(struct buf *buf, const char *bytes, size_t len, size_t max)
{
	for (size_t i = 0; i < len;) {
		bool plain;
		size_t n = character(bytes + i, len - i, &plain);

		n = n ? n : 1;
		if (i + n > max) {
			buf_puts(buf, "…");
			return;
		}
		if (plain && bytes[i] == '\\')
			buf_puts(buf, "\\\\");
		else if (plain)
			buf_append(buf, bytes + i, n);
		else
			for (size_t k = 0; k < n; k++)
				buf_printf(buf, "\\x%02x", (unsigned char)bytes[i + k]);
		i += n;
	}
}

/* Length of what needs no escape in JSON at the beginning of the bytes. */
static size_t ascii_run(const char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && bytes[n] >= 0x20 && bytes[n] < 0x7f && bytes[n] != '"' &&
		bytes[n] != '\\')
		n++;
	return n;
}

/* Appends the text as the inside of a JSON string; false where it is not UTF-8 or holds a
 * NUL. */
static bool put_string(struct buf *buf, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = ascii_run(bytes + i, len - i);
		bool plain;

		buf_append(buf, bytes + i, n);
		i += n;
		if (i == len)
			break;
		n = character(bytes + i, len - i, &plain);
		if (n == 0 || bytes[i] == '\0')
			return false;
		if (!plain)
			buf_printf(buf, "\\u%04x", (unsigned char)bytes[i + n - 1]);
		else if (bytes[i] == '"' || bytes[i] == '\\')
			buf_printf(buf, "\\%c", bytes[i]);
		else
			buf_append(buf, bytes + i, n);
		i += n;
	}
	return true;
}

static void put_name(struct buf *buf, const char *name)
{
	if (buf->len && buf->data[buf->len - 1] != '{')
		buf_putc(buf, ',');
	buf_putc(buf, '"');
	buf_puts(buf, name);
	buf_append(buf, "\":", 2);
}

void queue_text_json_raw(struct buf *buf, const char *name, const char *json)
{
	put_name(buf, name);
	buf_puts(buf, json);
}

static void cut_back(struct buf *buf, size_t len)
{
	buf->len = len;
	buf->data[len] = '\0';
}

void queue_text_json_text(
	struct buf *buf, const char *name, const char *bytes, size_t len)
{
	struct buf shown = BUF_NULL;
	size_t start;

	put_name(buf, name);
	start = buf->len;
	buf_putc(buf, '"');
	if (len <= QUEUE_TEXT_DETAIL_MAX && put_string(buf, bytes, len)) {
		buf_putc(buf, '"');
		return;
	}
	cut_back(buf, start);
	queue_text_show(&shown, bytes, len, QUEUE_TEXT_DETAIL_MAX);
	buf_printf(buf, "{\"text_bytes\":%zu,\"shown\":\"", len);
	(void)put_string(buf, shown.data, shown.len);
	buf_puts(buf, "\"}");
	buf_deinit(&shown);
}
