#include "base/config_value.h"

#include "base/clock.h"
#include "base/config_file.h"
#include "base/config_url.h"
#include "base/mem.h"
#include "base/parse.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT_LEN 4095

/* SQLite's own limit on a database's name is 512 bytes, side files' names included. */
#define MAX_DIRECTORY_LEN 400

/* A value in an error text: at most 60 bytes of it, cut between characters. */
struct shown {
	char text[72];
};

static struct shown show(const char *text)
{
	size_t len = strlen(text);
	struct shown shown;

	if (len <= 60) {
		(void)snprintf(shown.text, sizeof(shown.text), "\"%s\"", text);
		return shown;
	}
	len = 60;
	while (((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	(void)snprintf(shown.text, sizeof(shown.text), "\"%.*s…\"", (int)len, text);
	return shown;
}

static int fault(const struct config_value *value, struct error *err, const char *text,
	const char *what)
{
	return config_source_fault(
		value->source, value->key, err, "%s %s", show(text).text, what);
}

static void put_string(const struct config_value *value, char *text)
{
	char **slot = config_table_slot(value->key, value->config);

	free(*slot);
	*slot = text;
}

static int put_path(const struct config_value *value, const char *text, struct error *err)
{
	size_t len = strlen(text);
	char *path;

	if (!len && value->key->kind == CONFIG_KIND_PATH) {
		put_string(value, xstrdup(""));
		return 0;
	}
	if (!strncmp(text, "file:", 5))
		return fault(value, err, text, "is a URI");
	if (*text != '/')
		return fault(value, err, text, "is not absolute");
	while (len > 1 && text[len - 1] == '/')
		len--;
	if (len == 1)
		return fault(value, err, text, "is the root folder");
	if (value->key->kind == CONFIG_KIND_DIRECTORY && len > MAX_DIRECTORY_LEN)
		return fault(value, err, text, "is over 400 bytes long");
	path = xstrndup(text, len);
	put_string(value, path);
	return 0;
}

/* What is wrong with a URL is said without showing it: it may hold a password. */
static int put_url(const struct config_value *value, const char *text, struct error *err)
{
	char *url = NULL;
	const char *wrong;

	if (value->key->kind == CONFIG_KIND_URL) {
		wrong = config_url_normalize(text, &url);
	} else {
		wrong = *text ? config_url_check_proxy(text) : NULL;
		url = wrong ? NULL : xstrdup(text);
	}
	if (wrong)
		return config_source_fault(value->source, value->key, err, "%s", wrong);
	put_string(value, url);
	return 0;
}

static int put_date(const struct config_value *value, const char *text, struct error *err)
{
	int64_t ms;
	bool is_date;

	if (!clock_parse_or_date(text, &ms, &is_date) || !is_date)
		return fault(value, err, text, "is no date");
	put_string(value, xstrdup(text));
	return 0;
}

static int put_duration(
	const struct config_value *value, const char *text, struct error *err)
{
	int64_t *slot = config_table_slot(value->key, value->config);
	bool seconds = value->key->kind == CONFIG_KIND_SECONDS;
	int64_t ms;

	if (!*text && seconds) {
		*slot = 0;
		return 0;
	}
	if (!parse_duration(text, &ms))
		return fault(value, err, text, "is no duration");
	if (seconds && ms % 1000)
		return fault(value, err, text, "is no number of whole seconds");
	if ((double)ms < value->key->min || (double)ms > value->key->max)
		return fault(value, err, text, "is out of range");
	*slot = ms;
	return 0;
}

static int put_word(const struct config_value *value, const char *text, struct error *err)
{
	int64_t *slot = config_table_slot(value->key, value->config);
	int index = config_table_word_index(value->key->words, text);

	if (index < 0)
		return fault(value, err, text, "is unknown");
	*slot = index;
	return 0;
}

/* A key put together from escapes or from two texts passes the look at the file. */
static int check_text(
	const struct config_value *value, const char *text, struct error *err)
{
	const char *wrong = parse_text_fault(text, strlen(text), MAX_TEXT_LEN, false);

	if (config_file_shows_key(text))
		return config_source_fault(value->source, value->key, err,
			"a Clerk secret key stands here, which belongs in "
			"clerk.secret_key_file");
	if (wrong)
		return config_source_fault(
			value->source, value->key, err, "the text %s", wrong);
	return 0;
}

int config_value_put_text(
	const struct config_value *value, const char *text, struct error *err)
{
	if (check_text(value, text, err) < 0)
		return -1;
	switch (value->key->kind) {
	case CONFIG_KIND_DIRECTORY:
	case CONFIG_KIND_PATH:
		return put_path(value, text, err);
	case CONFIG_KIND_URL:
	case CONFIG_KIND_PROXY:
		return put_url(value, text, err);
	case CONFIG_KIND_DATE:
		return put_date(value, text, err);
	case CONFIG_KIND_DURATION:
	case CONFIG_KIND_SECONDS:
		return put_duration(value, text, err);
	case CONFIG_KIND_WORD:
		return put_word(value, text, err);
	case CONFIG_KIND_INTEGER:
	case CONFIG_KIND_NUMBER:
	case CONFIG_KIND_SET:
	case CONFIG_KIND__MAX:
		break;
	}
	return fault(value, err, text, "is a text");
}

int config_value_put_integer(
	const struct config_value *value, int64_t number, struct error *err)
{
	int64_t *slot = config_table_slot(value->key, value->config);

	if ((double)number < value->key->min || (double)number > value->key->max)
		return config_source_fault(value->source, value->key, err,
			"%lld is out of range", (long long)number);
	*slot = number;
	return 0;
}

int config_value_put_number(
	const struct config_value *value, double number, struct error *err)
{
	double *slot = config_table_slot(value->key, value->config);

	/* Written so that NaN is out of range too. */
	if (!(number >= value->key->min && number <= value->key->max))
		return config_source_fault(
			value->source, value->key, err, "%.10g is out of range", number);
	*slot = number;
	return 0;
}

int config_value_add_word(
	const struct config_value *value, const char *word, struct error *err)
{
	int64_t *slot = config_table_slot(value->key, value->config);
	int index;

	if (check_text(value, word, err) < 0)
		return -1;
	index = config_table_word_index(value->key->words, word);
	if (index < 0)
		return fault(value, err, word, "is unknown");
	if (*slot & (INT64_C(1) << index))
		return fault(value, err, word, "is given twice");
	*slot |= INT64_C(1) << index;
	return 0;
}

int config_value_check_set(const struct config_value *value, struct error *err)
{
	int64_t set = config_table_integer(value->key, value->config);

	if (__builtin_popcountll((unsigned long long)set) < (int)value->key->min)
		return config_source_fault(
			value->source, value->key, err, "the array is empty");
	return 0;
}

/* The table writes numbers plainly: digits, perhaps '.' and digits. Read without the
 * locale. */
static double read_number(const char *text)
{
	double number = 0, scale = 0;

	for (; *text; text++) {
		if (*text == '.') {
			scale = 1;
			continue;
		}
		number = number * 10 + (*text - '0');
		scale *= 10;
	}
	return scale > 0 ? number / scale : number;
}

static int put_default(const struct config_value *value, struct error *err)
{
	const char *text = value->key->fallback;
	int64_t *slot = config_table_slot(value->key, value->config);
	const char *word;
	size_t len;
	int r = 0;

	if (value->key->kind == CONFIG_KIND_INTEGER)
		return parse_int64(text, INT64_MIN, INT64_MAX, slot) ? 0 : -1;
	if (value->key->kind == CONFIG_KIND_NUMBER)
		return config_value_put_number(value, read_number(text), err);
	if (value->key->kind != CONFIG_KIND_SET)
		return config_value_put_text(value, text, err);
	for (int n = 0; r == 0 && (len = config_table_word(text, n, &word)); n++) {
		AUTO(free_ptr) char *copy = xstrndup(word, len);

		r = config_value_add_word(value, copy, err);
	}
	return r;
}

void config_value_default(const struct config_key *key, struct config *config)
{
	static const struct config_source source = {.path = "config.def"};
	const struct config_value value = {key, &source, config};
	int r = put_default(&value, NULL);

	assert(r == 0);
	(void)r;
}
