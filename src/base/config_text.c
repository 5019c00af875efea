#include "base/config_text.h"

#include "base/mem.h"
#include "base/parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct scan {
	struct config_source *source; /* borrowed */
	const char *at;               /* borrowed: the next byte */
	int line;
	int group_lines[CONFIG_KEY__MAX]; /* by a group's first key; 0 = not met yet */
};

#define NAME_CHARS    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_*"
#define LITERAL_CHARS NAME_CHARS "+."

static int syntax(const struct scan *scan, struct error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A fault that belongs to no key of the table. */
static int syntax(const struct scan *scan, struct error *err, const char *format, ...)
{
	char said[400];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(said, sizeof(said), format, ap);
	va_end(ap);
	return error_set(err, "%s:%d: %s", scan->source->path, scan->line, said);
}

/* Skips what a line comment or a block comment holds. */
static int skip_comment(struct scan *scan, struct error *err)
{
	const char *end;

	if (scan->at[0] == '#' || scan->at[1] == '/') {
		scan->at += strcspn(scan->at, "\n");
		return 0;
	}
	end = strstr(scan->at + 2, "*/");
	if (!end)
		return syntax(scan, err, "a comment does not end; /* wants a */");
	for (; scan->at < end; scan->at++)
		scan->line += *scan->at == '\n';
	scan->at += 2;
	return 0;
}

static int skip_blanks(struct scan *scan, struct error *err)
{
	for (;;) {
		size_t n = strspn(scan->at, " \t\r\n");

		for (; n; n--)
			scan->line += *scan->at++ == '\n';
		if (*scan->at != '#' &&
			!(*scan->at == '/' && (scan->at[1] == '/' || scan->at[1] == '*')))
			return 0;
		if (skip_comment(scan, err) < 0)
			return -1;
	}
}

/* What stands where a value is wanted, for "… is a text". */
static const char *describe(const char *at)
{
	switch (*at) {
	case '"':
		return "a text in quotation marks";
	case '[':
		return "an array";
	case '(':
		return "a list in parentheses";
	case '{':
		return "a group";
	case '\0':
		return "nothing";
	default:
		return "something else";
	}
}

/* The value is of another type than the key's. */
static int wrong_type(
	const struct scan *scan, const struct config_key *key, struct error *err)
{
	size_t len = strspn(scan->at, LITERAL_CHARS);
	bool number = strspn(scan->at, "+-.0123456789") == len;
	int shown = len > 40 ? 40 : (int)len;

	if (len && number)
		return config_source_fault(
			scan->source, key, err, "%.*s is a number", shown, scan->at);
	if ((len == 4 && !strncasecmp(scan->at, "true", len)) ||
		(len == 5 && !strncasecmp(scan->at, "false", len)))
		return config_source_fault(
			scan->source, key, err, "%.*s is a truth value", shown, scan->at);
	if (len)
		return config_source_fault(scan->source, key, err,
			"%.*s stands without quotation marks", shown, scan->at);
	return config_source_fault(
		scan->source, key, err, "%s stands here", describe(scan->at));
}

/* Skips one "…". Whether what it holds is allowed is for config_value.c to say. */
static int scan_one_text(
	struct scan *scan, const struct config_key *key, struct error *err)
{
	for (scan->at++; *scan->at != '"'; scan->at++) {
		if (*scan->at == '\n' || !*scan->at)
			return config_source_fault(scan->source, key, err,
				"the text does not end on its line");
		if (*scan->at != '\\')
			continue;
		if (!strncasecmp(scan->at, "\\x00", 4))
			return config_source_fault(
				scan->source, key, err, "the text holds a NUL");
		if (scan->at[1] == '"' || scan->at[1] == '\\')
			scan->at++;
	}
	scan->at++;
	return 0;
}

/* Texts that follow each other are one. */
static int scan_text(struct scan *scan, const struct config_key *key, struct error *err)
{
	if (*scan->at != '"')
		return wrong_type(scan, key, err);
	while (*scan->at == '"')
		if (scan_one_text(scan, key, err) < 0 || skip_blanks(scan, err) < 0)
			return -1;
	return 0;
}

static int scan_array(struct scan *scan, const struct config_key *key, struct error *err)
{
	if (*scan->at != '[')
		return wrong_type(scan, key, err);
	scan->at++;
	if (skip_blanks(scan, err) < 0)
		return -1;
	if (*scan->at != ']')
		for (;;) {
			if (scan_text(scan, key, err) < 0)
				return -1;
			if (*scan->at != ',')
				break;
			scan->at++;
			if (skip_blanks(scan, err) < 0)
				return -1;
		}
	if (*scan->at != ']')
		return config_source_fault(
			scan->source, key, err, "the array is not closed by a ]");
	scan->at++;
	return 0;
}

/* Whether text is digits without leading zeros, a '-' allowed. */
static bool is_plain_integer(const char *text)
{
	text += *text == '-';
	return *text && !text[strspn(text, "0123456789")] && (*text != '0' || !text[1]);
}

/* The same, with '.' and at most nine digits behind it if it likes. */
static bool is_plain_number(char *text)
{
	char *dot = strchr(text, '.');
	size_t len = dot ? strlen(dot + 1) : 1;
	bool plain;

	if (len < 1 || len > 9 || (dot && dot[1 + strspn(dot + 1, "0123456789")]))
		return false;
	if (dot)
		*dot = '\0';
	plain = is_plain_integer(text);
	if (dot)
		*dot = '.';
	return plain;
}

static int check_literal(const struct scan *scan, const struct config_key *key,
	char *literal, struct error *err)
{
	bool whole = key->kind == CONFIG_KIND_INTEGER;
	int64_t value;

	if (!(whole ? is_plain_integer(literal) : is_plain_number(literal)))
		return config_source_fault(scan->source, key, err, "%s is no plain %s",
			literal, whole ? "whole number" : "decimal number");
	if (whole ? !parse_int64(literal, (int64_t)key->min, (int64_t)key->max, &value)
		  : strcspn(literal, ".") > 9)
		return config_source_fault(
			scan->source, key, err, "%s is out of range", literal);
	return 0;
}

static int scan_number(struct scan *scan, const struct config_key *key, struct error *err)
{
	size_t len = strspn(scan->at, LITERAL_CHARS);
	char literal[41];

	if (!strspn(scan->at, "+-.0123456789"))
		return wrong_type(scan, key, err);
	(void)snprintf(
		literal, sizeof(literal), "%.*s", len > 40 ? 40 : (int)len, scan->at);
	if (len > 40)
		return config_source_fault(
			scan->source, key, err, "%s… is too long", literal);
	if (check_literal(scan, key, literal, err) < 0)
		return -1;
	scan->at += len;
	return 0;
}

static int scan_value(struct scan *scan, const struct config_key *key, struct error *err)
{
	if (config_table_is_quoted(key))
		return scan_text(scan, key, err);
	if (key->kind == CONFIG_KIND_SET)
		return scan_array(scan, key, err);
	return scan_number(scan, key, err);
}

/* A name that the table does not know, as a key or as a group. */
static int unknown(const struct scan *scan, const char *path, struct error *err)
{
	const struct config_key *near = config_table_near(path);

	if (near)
		return syntax(
			scan, err, "%s: unknown key; did you mean %s?", path, near->path);
	return syntax(
		scan, err, "%s: unknown key; clerk-tokend.conf(5) lists them", path);
}

static int check_once(
	const struct scan *scan, const char *path, int first_line, struct error *err)
{
	if (!first_line)
		return 0;
	return syntax(scan, err, "%s: given twice, first in line %d; once is allowed",
		path, first_line);
}

/* Takes the name at hand and puts the group's in front. */
static int scan_name(struct scan *scan, const char *group,
	char ret_path[CONFIG_TABLE_PATH_MAX], struct error *err)
{
	size_t len = strspn(scan->at, NAME_CHARS);
	int n = snprintf(ret_path, CONFIG_TABLE_PATH_MAX, "%s%s%.*s", group ? group : "",
		group ? "." : "", len > 80 ? 80 : (int)len, scan->at);

	if (len > 80 || n >= CONFIG_TABLE_PATH_MAX)
		return syntax(scan, err,
			"%.40s…: unknown key; clerk-tokend.conf(5) lists them", ret_path);
	scan->at += len;
	return 0;
}

static int scan_equals(struct scan *scan, const char *path, bool group, struct error *err)
{
	if (skip_blanks(scan, err) < 0)
		return -1;
	if (*scan->at != '=' && *scan->at != ':')
		return syntax(scan, err, "%s: no = or : follows the name; write %s%s",
			path, path, group ? ": { … };" : " = VALUE;");
	scan->at++;
	return skip_blanks(scan, err);
}

static int scan_settings(struct scan *scan, const char *group, struct error *err);

/* NOLINTNEXTLINE(misc-no-recursion): no group is known within another */
static int scan_group(struct scan *scan, const struct config_key *first, const char *name,
	struct error *err)
{
	int *line = &scan->group_lines[first - config_table];

	if (check_once(scan, name, *line, err) < 0)
		return -1;
	*line = scan->line;
	if (scan_equals(scan, name, true, err) < 0)
		return -1;
	if (*scan->at != '{')
		return syntax(scan, err, "%s: is a group of keys; write %s: { … };", name,
			name);
	scan->at++;
	return scan_settings(scan, name, err);
}

static int scan_key(struct scan *scan, const struct config_key *key, struct error *err)
{
	int *line = &scan->source->lines[key - config_table];

	if (check_once(scan, key->path, *line, err) < 0)
		return -1;
	*line = scan->line;
	if (scan_equals(scan, key->path, false, err) < 0)
		return -1;
	return scan_value(scan, key, err);
}

/* NAME = VALUE or NAME: { … }, and the ; or , behind it if there is one. */
/* NOLINTNEXTLINE(misc-no-recursion): no group is known within another */
static int scan_setting(struct scan *scan, const char *group, struct error *err)
{
	char path[CONFIG_TABLE_PATH_MAX];
	const struct config_key *first = NULL, *key;
	int r;

	if (scan_name(scan, group, path, err) < 0)
		return -1;
	if (!group)
		first = config_table_find_group(path);
	if (first && *scan->at == '.')
		return syntax(scan, err, "%s: is a group of keys; write %s: { … };", path,
			path);
	key = config_table_find(path);
	if (!first && !key)
		return unknown(scan, path, err);
	r = first ? scan_group(scan, first, path, err) : scan_key(scan, key, err);
	if (r < 0 || skip_blanks(scan, err) < 0)
		return -1;
	if (*scan->at == ';' || *scan->at == ',')
		scan->at++;
	return 0;
}

/* What stands where a name is wanted is none. */
static int no_name(const struct scan *scan, struct error *err)
{
	if (!strncmp(scan->at, "@include", 8))
		return syntax(
			scan, err, "@include is not taken; one file holds all keys");
	if (!isascii((unsigned char)*scan->at))
		return syntax(scan, err,
			"a character that is not ASCII stands outside quotation marks; "
			"NAME = VALUE; "
			"is wanted");
	return syntax(scan, err,
		"syntax error at %c; NAME = VALUE; or NAME: { … }; is wanted", *scan->at);
}

/* The settings of the file (group NULL), or of a group up to its closing brace. */
/* NOLINTNEXTLINE(misc-no-recursion): no group is known within another */
static int scan_settings(struct scan *scan, const char *group, struct error *err)
{
	int opened = scan->line;

	for (;;) {
		if (skip_blanks(scan, err) < 0)
			return -1;
		if (!*scan->at && group)
			return syntax(scan, err,
				"%s: the group of line %d is not closed by a }", group,
				opened);
		if (!*scan->at)
			return 0;
		if (*scan->at == '}' && group) {
			scan->at++;
			return 0;
		}
		if (!isalpha((unsigned char)*scan->at) && *scan->at != '*')
			return no_name(scan, err);
		if (scan_setting(scan, group, err) < 0)
			return -1;
	}
}

int config_text_check(const char *text, struct config_source *source, struct error *err)
{
	struct scan scan = {.source = source, .at = text, .line = 1};

	return scan_settings(&scan, NULL, err);
}
