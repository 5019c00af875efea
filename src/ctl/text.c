#include "ctl/text.h"

#include "base/mem.h"

struct range {
	uint32_t first, last;
};

/* Controls, format characters, what looks like nothing at all. */
static const struct range hidden[] = {
	{0x0000, 0x001f},
	{0x007f, 0x009f},
	{0x00ad, 0x00ad},
	{0x034f, 0x034f},
	{0x061c, 0x061c},
	{0x115f, 0x1160},
	{0x17b4, 0x17b5},
	{0x180b, 0x180f},
	{0x200b, 0x200f},
	{0x2028, 0x202e},
	{0x2060, 0x206f},
	{0x3164, 0x3164},
	{0xd800, 0xdfff},
	{0xfe00, 0xfe0f},
	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},
	{0xfff0, 0xfffb},
	{0xfffe, 0xffff},
	{0x1d173, 0x1d17a},
	{0xe0000, 0xe0fff},
};

/* The combining marks that are met in practice. */
static const struct range zero_width[] = {
	{0x0300, 0x036f},
	{0x0483, 0x0489},
	{0x0591, 0x05bd},
	{0x0610, 0x061a},
	{0x064b, 0x065f},
	{0x06d6, 0x06dc},
	{0x0900, 0x0902},
	{0x093c, 0x093c},
	{0x0941, 0x0948},
	{0x094d, 0x094d},
	{0x0e31, 0x0e31},
	{0x0e34, 0x0e3a},
	{0x0e47, 0x0e4e},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x20d0, 0x20ff},
	{0x302a, 0x302d},
	{0x3099, 0x309a},
	{0xfe20, 0xfe2f},
};

/* East Asian wide characters and emoji. */
static const struct range wide[] = {
	{0x1100, 0x115e},
	{0x231a, 0x231b},
	{0x23e9, 0x23ec},
	{0x25fd, 0x25fe},
	{0x2614, 0x2615},
	{0x2648, 0x2653},
	{0x26bd, 0x26be},
	{0x2705, 0x2705},
	{0x270a, 0x270b},
	{0x2753, 0x2757},
	{0x2e80, 0x303e},
	{0x3041, 0x4dbf},
	{0x4e00, 0xa4cf},
	{0xa960, 0xa97f},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe10, 0xfe19},
	{0xfe30, 0xfe6f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f7e0, 0x1f7eb},
	{0x1f900, 0x1faff},
	{0x20000, 0x3fffd},
};

static bool is_in(const struct range *ranges, size_t n, uint32_t code)
{
	for (size_t i = 0; i < n && ranges[i].first <= code; i++)
		if (code <= ranges[i].last)
			return true;
	return false;
}

size_t text_decode(const char *text, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80             ? 1
		   : (s[0] & 0xe0) == 0xc0 ? 2
		   : (s[0] & 0xf0) == 0xe0 ? 3
		   : (s[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	uint32_t code;

	*ret_code = TEXT_BAD;
	if (n == 0 || n > len)
		return 1;
	code = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 1;
	*ret_code = code;
	return n;
}

size_t text_plain(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= ' ' && text[n] <= '~')
		n++;
	return n;
}

bool text_is_hidden(uint32_t code)
{
	return code > 0x10ffff || is_in(hidden, ARRAY_LEN(hidden), code);
}

static void escape_one(struct buf *out, uint32_t code, unsigned char byte)
{
	if (code == '\n')
		buf_puts(out, "\\n");
	else if (code == '\t')
		buf_puts(out, "\\t");
	else if (code == '\r')
		buf_puts(out, "\\r");
	else if (code == TEXT_BAD || code < 0x100)
		buf_printf(out, "\\x%02x", code == TEXT_BAD ? byte : (unsigned)code);
	else
		buf_printf(out, code > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)code);
}

void text_escape(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = text_plain(text + i, len - i);
		uint32_t code;

		buf_append(out, text + i, n);
		i += n;
		if (i == len)
			break;
		n = text_decode(text + i, len - i, &code);
		if (text_is_hidden(code))
			escape_one(out, code, (unsigned char)text[i]);
		else
			buf_append(out, text + i, n);
		i += n;
	}
}

static int width_of(uint32_t code)
{
	if (code < 0x300)
		return 1;
	if (is_in(zero_width, ARRAY_LEN(zero_width), code))
		return 0;
	return is_in(wide, ARRAY_LEN(wide), code) ? 2 : 1;
}

int text_width(const char *text, size_t len)
{
	size_t plain = text_plain(text, len);
	int width = (int)plain;

	for (size_t i = plain; i < len;) {
		uint32_t code;

		i += text_decode(text + i, len - i, &code);
		width += width_of(code);
	}
	return width;
}

size_t text_fit(const char *text, size_t len, int columns)
{
	size_t i = 0;

	while (i < len) {
		uint32_t code;
		size_t n = text_decode(text + i, len - i, &code);

		columns -= width_of(code);
		if (columns < 0)
			break;
		i += n;
	}
	return i;
}
