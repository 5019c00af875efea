#include "text.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_room(struct text *text, size_t len)
{
	size_t needed = text->len + len + 1;
	if (needed > text->cap) {
		size_t cap = text->cap ? text->cap : 256;
		while (cap < needed)
			cap *= 2;
		text->data = mem_resize(text->data, cap);
		text->cap = cap;
	}
	return text->data + text->len;
}

void text_added(struct text *text, size_t len)
{
	text->len += len;
	text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *bytes, size_t len)
{
	char *room = text_room(text, len);
	if (len)
		memcpy(room, bytes, len);
	text_added(text, len);
}

void text_adds(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_addi(struct text *text, long long number)
{
	char digits[24];
	size_t at = sizeof(digits);
	unsigned long long rest = number < 0 ? 0ULL - (unsigned long long)number
					     : (unsigned long long)number;
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		digits[--at] = '-';
	text_add(text, digits + at, sizeof(digits) - at);
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		abort();
	char *room = text_room(text, (size_t)len);
	va_start(args, format);
	(void)vsnprintf(room, (size_t)len + 1, format, args);
	va_end(args);
	text_added(text, (size_t)len);
}

static void add_escaped(struct text *text, unsigned char c)
{
	if (c == '"' || c == '\\') {
		char pair[2] = {'\\', (char)c};
		text_add(text, pair, 2);
	} else {
		text_printf(text, "\\u%04x", c);
	}
}

void text_json(struct text *text, const char *string)
{
	if (!string) {
		text_add(text, "null", 4);
		return;
	}
	text_add(text, "\"", 1);
	const char *clean = string;
	for (const char *at = string; *at; at++) {
		unsigned char c = (unsigned char)*at;
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		text_add(text, clean, (size_t)(at - clean));
		add_escaped(text, c);
		clean = at + 1;
	}
	text_adds(text, clean);
	text_add(text, "\"", 1);
}

void text_clear(struct text *text)
{
	text->len = 0;
	if (text->data)
		text->data[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}
