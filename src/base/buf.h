/* A byte buffer that grows. Always NUL-terminated, so that .data is a string where the
 * bytes are text. */
#pragma once

#include <stddef.h>

struct buf {
	char *data; /* owned; NULL while nothing was ever appended */
	size_t len; /* bytes, without the final NUL */
	size_t cap;
};

#define BUF_NULL                                                                         \
	{                                                                                \
		0                                                                        \
	}

/* Releases the memory; *buf is empty again. Idempotent. */
void buf_deinit(struct buf *buf);

/* As buf_deinit(), overwriting the bytes first: for buffers that may hold a secret. */
void buf_wipe(struct buf *buf);

/* Forgets the contents, keeps the memory. */
void buf_clear(struct buf *buf);

/* Appends len bytes, a C string, one byte, or printf-style text. */
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The contents as a string, never NULL. Borrowed, until the next change. */
const char *buf_str(const struct buf *buf);

static inline void buf_cleanup(struct buf *buf)
{
	buf_deinit(buf);
}

static inline void buf_wiped_cleanup(struct buf *buf)
{
	buf_wipe(buf);
}
