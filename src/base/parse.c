#include "base/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = *text == '-';
	int64_t value = 0;

	text += negative;
	if (!*text || (*text == '0' && (text[1] || negative)))
		return false;
	for (; *text; text++) {
		int64_t digit = *text - '0';

		if (!isdigit((unsigned char)*text) ||
			__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, digit, &value))
			return false;
	}
	if (!negative && __builtin_sub_overflow(0, value, &value))
		return false;
	if (value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};

/* The unit that starts at text and is followed by no further letter, or NULL. */
static const struct unit *find_unit(const char *text)
{
	size_t len = 0;

	while (isalpha((unsigned char)text[len]))
		len++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && !strncmp(text, units[i].name, len))
			return &units[i];
	return NULL;
}

bool parse_duration(const char *text, int64_t *ret_ms)
{
	const int64_t max_ms = (int64_t)36525 * 86400000;
	int64_t total = 0;

	do {
		const struct unit *unit;
		int64_t value = 0;

		if (!isdigit((unsigned char)*text))
			return false;
		for (; isdigit((unsigned char)*text); text++) {
			value = value * 10 + (*text - '0');
			if (value > max_ms)
				return false;
		}
		unit = find_unit(text);
		if (!unit || value > max_ms / unit->ms)
			return false;
		total += value * unit->ms;
		if (total > max_ms)
			return false;
		text += strlen(unit->name);
		while (*text == ' ' && text[1])
			text++;
	} while (*text);
	*ret_ms = total;
	return true;
}

void parse_format_duration(int64_t ms, char ret_text[32])
{
	size_t i = sizeof(units) / sizeof(units[0]) - 1;

	while (i && (ms == 0 || ms % units[i].ms))
		i--;
	if (ms == 0)
		i = 1;
	(void)snprintf(
		ret_text, 32, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
}

/* Length of the UTF-8 sequence at s (of at most len bytes), 0 where it is malformed,
 * overlong, a surrogate or above U+10FFFF. *ret_code is the code point. */
static size_t utf8_sequence(const unsigned char *s, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80             ? 1
		   : (s[0] & 0xe0) == 0xc0 ? 2
		   : (s[0] & 0xf0) == 0xe0 ? 3
		   : (s[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	uint32_t code;

	if (n == 0 || n > len)
		return 0;
	code = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

const char *parse_text_fault(const char *text, size_t len, size_t max_len, bool multiline)
{
	const unsigned char *s = (const unsigned char *)text;

	if (len > max_len)
		return "is too long";
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_sequence(s + i, len - i, &code);

		if (n == 0)
			return "is not UTF-8";
		if (code == 0)
			return "holds a NUL";
		if ((code < 0x20 && !(multiline && (code == '\n' || code == '\t'))) ||
			(code >= 0x7f && code < 0xa0))
			return "holds a control character";
		i += n;
	}
	return NULL;
}

bool parse_clerk_id(const char *text, size_t len)
{
	if (len < 1 || len > 128)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)text[i]) ||
			(!isalnum((unsigned char)text[i]) && text[i] != '_'))
			return false;
	return true;
}
