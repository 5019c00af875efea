#pragma once

#include <stddef.h>

/* Text that grows. Zeroed it is empty; data is NUL-terminated once something is in it. */
struct text {
	char *data;
	size_t len;
	size_t cap;
};

/* Makes room for len more bytes and returns where they go; text_added() counts them. */
char *text_room(struct text *text, size_t len);

/* Counts len bytes written behind text_room() and terminates the text. */
void text_added(struct text *text, size_t len);

/* Appends len bytes. */
void text_add(struct text *text, const char *bytes, size_t len);

/* Appends a string. */
void text_adds(struct text *text, const char *string);

/* Appends a decimal number. */
void text_addi(struct text *text, long long number);

/* Appends formatted text. */
void text_printf(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends string as JSON string with its quotes, or null for NULL. Bytes above 127 are
 * copied as they are: the caller knows them to be UTF-8. */
void text_json(struct text *text, const char *string);

/* Makes the text empty and keeps its memory. */
void text_clear(struct text *text);

/* Frees the memory; the text is empty and usable after it. */
void text_free(struct text *text);
