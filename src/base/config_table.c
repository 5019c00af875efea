#include "base/config_table.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RELOAD  true
#define RESTART false

const struct config_key config_table[CONFIG_KEY__MAX] = {
#define CONFIG(field, path_, kind_, fallback_, min_, max_, words_, reload_, help_)       \
	[CONFIG_KEY_##field] = {.path = (path_),                                         \
		.kind = CONFIG_KIND_##kind_,                                             \
		.offset = offsetof(struct config, field),                                \
		.fallback = (fallback_),                                                 \
		.min = (min_),                                                           \
		.max = (max_),                                                           \
		.words = (words_),                                                       \
		.reload = (reload_),                                                     \
		.help = (help_)},
#include "base/config.def"
#undef CONFIG
};

const struct config_key *config_table_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(config_table); i++)
		if (!strcmp(config_table[i].path, path))
			return &config_table[i];
	return NULL;
}

size_t config_table_group_len(const struct config_key *key)
{
	const char *dot = strchr(key->path, '.');

	return dot ? (size_t)(dot - key->path) : 0;
}

const char *config_table_name(const struct config_key *key)
{
	const char *dot = strchr(key->path, '.');

	return dot ? dot + 1 : key->path;
}

const struct config_key *config_table_find_group(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; len && i < ARRAY_LEN(config_table); i++)
		if (config_table_group_len(&config_table[i]) == len &&
			!strncmp(config_table[i].path, name, len))
			return &config_table[i];
	return NULL;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance: how many letters to insert, delete or replace. */
static size_t distance(const char *a, const char *b)
{
	size_t row[CONFIG_TABLE_PATH_MAX + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min_size(replaced, min_size(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_len];
}

/* A key is near where at most a third of its letters, and no more than three, are wrong:
 * in the whole path, or in the name alone where it stands in the wrong group. */
const struct config_key *config_table_near(const char *path)
{
	const char *dot = strchr(path, '.');
	const char *name = dot ? dot + 1 : path;
	const struct config_key *best = NULL;
	size_t least = 4;

	for (size_t i = 0; i < ARRAY_LEN(config_table); i++) {
		const struct config_key *key = &config_table[i];
		const char *own_name = config_table_name(key);
		size_t whole = distance(path, key->path);
		size_t last = distance(name, own_name);
		size_t d = min_size(whole, last + 1);

		if (last > strlen(own_name) / 3 || d >= least)
			continue;
		least = d;
		best = key;
	}
	return best;
}

bool config_table_is_string(const struct config_key *key)
{
	return key->kind <= CONFIG_KIND_DATE;
}

bool config_table_is_quoted(const struct config_key *key)
{
	switch (key->kind) {
	case CONFIG_KIND_INTEGER:
	case CONFIG_KIND_NUMBER:
	case CONFIG_KIND_SET:
		return false;
	default:
		return true;
	}
}

size_t config_table_word(const char *words, int n, const char **ret_word)
{
	size_t len;

	for (;; n--) {
		words += strspn(words, " ");
		len = strcspn(words, " ");
		if (n == 0 || len == 0)
			break;
		words += len;
	}
	*ret_word = words;
	return len;
}

int config_table_word_index(const char *words, const char *word)
{
	const char *candidate;
	size_t len;

	for (int n = 0; (len = config_table_word(words, n, &candidate)); n++)
		if (strlen(word) == len && !strncmp(candidate, word, len))
			return n;
	return -1;
}

static void print_words(const char *words, char *text, size_t size)
{
	AUTO(buf) struct buf buf = BUF_NULL;
	const char *word;
	size_t len;

	for (int n = 0; (len = config_table_word(words, n, &word)); n++)
		buf_printf(&buf, "%s\"%.*s\"", n ? " " : "", (int)len, word);
	(void)snprintf(text, size, "%s", buf_str(&buf));
}

static void print_durations(const struct config_key *key, char *text, size_t size)
{
	const char *what =
		key->kind == CONFIG_KIND_SECONDS
			? "duration of whole seconds in quotation marks (s min h d)"
			: "duration in quotation marks (ms s min h d)";
	char min[32], max[32];

	parse_format_duration((int64_t)key->min, min);
	parse_format_duration((int64_t)key->max, max);
	(void)snprintf(text, size, "a %s from \"%s\" to \"%s\"%s", what, min, max,
		key->kind == CONFIG_KIND_SECONDS ? ", or \"\"" : "");
}

void config_table_allowed(
	const struct config_key *key, char ret_text[CONFIG_TABLE_ALLOWED_MAX])
{
	static const char *const texts[CONFIG_KIND__MAX] = {
		[CONFIG_KIND_DIRECTORY] = "an absolute path in quotation marks",
		[CONFIG_KIND_PATH] = "an absolute path in quotation marks, or \"\"",
		[CONFIG_KIND_URL] =
			/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text */
		"\"https://HOST[:PORT][/PATH][/v1]\", http: to a loopback "
		"address alone, without user, query and fragment",
		[CONFIG_KIND_PROXY] =
			"\"http://HOST[:PORT]\", \"https://HOST[:PORT]\" or \"\"",
		[CONFIG_KIND_DATE] = "a date in quotation marks such as \"2026-05-12\"",
		[CONFIG_KIND_WORD] = "one of ",
		[CONFIG_KIND_SET] = "an array such as [\"a\", \"b\"] of ",
	};
	const char *text = texts[key->kind] ? texts[key->kind] : "";
	char words[128] = "";

	switch (key->kind) {
	case CONFIG_KIND_DURATION:
	case CONFIG_KIND_SECONDS:
		print_durations(key, ret_text, CONFIG_TABLE_ALLOWED_MAX);
		return;
	case CONFIG_KIND_INTEGER:
	case CONFIG_KIND_NUMBER:
		(void)snprintf(ret_text, CONFIG_TABLE_ALLOWED_MAX,
			"a %snumber from %.7g to %.7g",
			key->kind == CONFIG_KIND_INTEGER ? "whole " : "", key->min,
			key->max);
		return;
	case CONFIG_KIND_WORD:
	case CONFIG_KIND_SET:
		print_words(key->words, words, sizeof(words));
		break;
	default:
		break;
	}
	(void)snprintf(ret_text, CONFIG_TABLE_ALLOWED_MAX, "%s%s%s", text, words,
		key->kind == CONFIG_KIND_SET && key->min >= 1 ? ", at least one" : "");
}

int config_source_fault(const struct config_source *source, const struct config_key *key,
	struct error *err, const char *what, ...)
{
	char allowed[CONFIG_TABLE_ALLOWED_MAX];
	char said[320];
	char line[16] = "";
	va_list ap;

	va_start(ap, what);
	(void)vsnprintf(said, sizeof(said), what, ap);
	va_end(ap);
	config_table_allowed(key, allowed);
	if (source->lines[key - config_table])
		(void)snprintf(
			line, sizeof(line), ":%d", source->lines[key - config_table]);
	return error_set(
		err, "%s%s: %s: %s; %s", source->path, line, key->path, said, allowed);
}
