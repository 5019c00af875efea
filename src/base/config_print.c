/* The configuration and its table written out: JSON, example file, manual page. */
#include "base/buf.h"
#include "base/config.h"
#include "base/config_table.h"
#include "base/mem.h"
#include "base/parse.h"

#include <string.h>

#define COMMENT_WIDTH 78

/* A JSON string. Values are UTF-8 without control characters but for the runtime
 * directory and the path, which come from elsewhere: those characters are escaped. */
static void put_json_string(struct buf *buf, const char *text)
{
	buf_putc(buf, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_putc(buf, '\\');
		if ((unsigned char)*text < 0x20)
			buf_printf(buf, "\\u%04x", (unsigned)(unsigned char)*text);
		else
			buf_putc(buf, *text);
	}
	buf_putc(buf, '"');
}

/* Not negative; up to nine decimals, without the locale's comma. */
static void put_number(struct buf *buf, double number)
{
	long long billionths = (long long)(number * 1e9 + 0.5);
	size_t first = buf->len;

	buf_printf(buf, "%lld.%09lld", billionths / 1000000000, billionths % 1000000000);
	while (buf->len > first && buf->data[buf->len - 1] == '0')
		buf->data[--buf->len] = '\0';
	if (buf->data[buf->len - 1] == '.')
		buf->data[--buf->len] = '\0';
}

static void put_duration(struct buf *buf, const struct config_key *key, int64_t ms)
{
	char text[32] = "";

	if (ms || key->kind != CONFIG_KIND_SECONDS)
		parse_format_duration(ms, text);
	put_json_string(buf, text);
}

static void put_words(struct buf *buf, const struct config_key *key, int64_t set)
{
	const char *word, *comma = "";
	size_t len;

	buf_putc(buf, '[');
	for (int n = 0; (len = config_table_word(key->words, n, &word)); n++) {
		if (!(set & (INT64_C(1) << n)))
			continue;
		buf_printf(buf, "%s\"%.*s\"", comma, (int)len, word);
		comma = ", ";
	}
	buf_putc(buf, ']');
}

static void put_value(
	struct buf *buf, const struct config_key *key, const struct config *config)
{
	const char *word;
	size_t len;

	switch (key->kind) {
	case CONFIG_KIND_DIRECTORY:
	case CONFIG_KIND_PATH:
	case CONFIG_KIND_URL:
	case CONFIG_KIND_PROXY:
	case CONFIG_KIND_DATE:
		put_json_string(buf, config_table_string(key, config));
		break;
	case CONFIG_KIND_DURATION:
	case CONFIG_KIND_SECONDS:
		put_duration(buf, key, config_table_integer(key, config));
		break;
	case CONFIG_KIND_INTEGER:
		buf_printf(buf, "%lld", (long long)config_table_integer(key, config));
		break;
	case CONFIG_KIND_NUMBER:
		put_number(buf, config_table_number(key, config));
		break;
	case CONFIG_KIND_WORD:
		len = config_table_word(
			key->words, (int)config_table_integer(key, config), &word);
		buf_printf(buf, "\"%.*s\"", (int)len, word);
		break;
	case CONFIG_KIND_SET:
		put_words(buf, key, config_table_integer(key, config));
		break;
	case CONFIG_KIND__MAX:
		break;
	}
}

char *config_json(const struct config *config)
{
	AUTO(buf) struct buf buf = BUF_NULL;

	buf_putc(&buf, '{');
	for (size_t i = 0; i < ARRAY_LEN(config_table); i++) {
		buf_printf(&buf, "%s\"%s\": ", i ? ", " : "", config_table[i].path);
		put_value(&buf, &config_table[i], config);
	}
	buf_putc(&buf, '}');
	return TAKE_PTR(buf.data);
}

/* The default as it is written in the file. */
static void put_fallback(struct buf *buf, const struct config_key *key)
{
	const char *word;
	size_t len;

	if (config_table_is_quoted(key)) {
		buf_printf(buf, "\"%s\"", key->fallback);
		return;
	}
	if (key->kind != CONFIG_KIND_SET) {
		buf_puts(buf, key->fallback);
		return;
	}
	buf_putc(buf, '[');
	for (int n = 0; (len = config_table_word(key->fallback, n, &word)); n++)
		buf_printf(buf, "%s\"%.*s\"", n ? ", " : "", (int)len, word);
	buf_putc(buf, ']');
}

/* Writes text as lines of a comment, broken between words. */
static void print_comment(FILE *out, const char *indent, const char *text)
{
	while (*text) {
		size_t len = strlen(text);

		if (len > COMMENT_WIDTH) {
			len = COMMENT_WIDTH;
			while (len && text[len] != ' ')
				len--;
			if (!len)
				len = strcspn(text, " ");
		}
		(void)fprintf(out, "%s# %.*s\n", indent, (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* instead: what stands there, in place of the default; or NULL. */
static void print_key(FILE *out, const struct config_key *key, const char *instead)
{
	const char *indent = config_table_group_len(key) ? "\t" : "";
	char allowed[CONFIG_TABLE_ALLOWED_MAX];
	AUTO(buf) struct buf value = BUF_NULL;
	AUTO(buf) struct buf note = BUF_NULL;

	config_table_allowed(key, allowed);
	buf_printf(&note, "Allowed: %s.%s", allowed,
		key->reload ? "" : " A new value takes a restart.");
	print_comment(out, indent, key->help);
	print_comment(out, indent, buf_str(&note));
	if (instead)
		put_json_string(&value, instead);
	else
		put_fallback(&value, key);
	(void)fprintf(
		out, "%s%s = %s;\n", indent, config_table_name(key), buf_str(&value));
}

void config_print_example_for(FILE *out, const char *state_directory)
{
	const struct config_key *before = NULL;

	print_comment(out, "",
		"The configuration of clerk-tokend, see clerk-tokend.conf(5). Every key "
		"stands here "
		"with its default. After a change: clerk-tokend --check, then a reload, "
		"or a "
		"restart where the key says so.");
	for (const struct config_key *key = config_table;
		key < config_table + CONFIG_KEY__MAX; key++) {
		size_t len = config_table_group_len(key);
		size_t len_before = before ? config_table_group_len(before) : 0;
		bool same_group = len && len == len_before &&
				  !strncmp(key->path, before->path, len);

		if (len_before && !same_group)
			(void)fputs("};\n", out);
		(void)fputs("\n", out);
		if (len && !same_group)
			(void)fprintf(out, "%.*s: {\n", (int)len, key->path);
		print_key(out, key,
			strcmp(key->path, "state_directory") ? NULL : state_directory);
		before = key;
	}
	if (before && config_table_group_len(before))
		(void)fputs("};\n", out);
}

void config_print_example(FILE *out)
{
	config_print_example_for(out, NULL);
}

/* Text for mdoc(7), a sentence on lines of its own. A backslash would begin an escape; no
 * line begins with '.' or '\'', as no word does. */
static void print_mdoc_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column)
			(void)fputc(column + 1 + len > COMMENT_WIDTH ? '\n' : ' ', out);
		column = column && column + 1 + len <= COMMENT_WIDTH ? column + 1 : 0;
		for (size_t i = 0; i < len; i++)
			(void)fputs(
				text[i] == '\\' ? "\\e" : (char[]){text[i], '\0'}, out);
		column += len;
		if (text[len - 1] == '.') {
			(void)fputc('\n', out);
			column = 0;
		}
		text += len;
		text += strspn(text, " ");
	}
}

void config_print_mdoc(FILE *out)
{
	for (const struct config_key *key = config_table;
		key < config_table + CONFIG_KEY__MAX; key++) {
		char allowed[CONFIG_TABLE_ALLOWED_MAX];
		AUTO(buf) struct buf value = BUF_NULL;
		AUTO(buf) struct buf text = BUF_NULL;

		config_table_allowed(key, allowed);
		put_fallback(&value, key);
		buf_printf(&text, "%s Allowed: %s. Default: %s. %s", key->help, allowed,
			buf_str(&value),
			key->reload ? "A reload takes a new value."
				    : "A new value takes a restart.");
		(void)fprintf(out, ".It Ic %s\n", key->path);
		print_mdoc_text(out, buf_str(&text));
	}
}
