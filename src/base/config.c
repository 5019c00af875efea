/*
 * A file becomes a struct config in four steps: the bytes are fetched and seen to be a
 * text (config_file.c), the text is held against the table (config_text.c), libconfig
 * parses it, and each value is checked and written into its field (config_value.c). What
 * is left for here: the order of these, and what two values say together.
 */
#include "base/config.h"

#include "base/buf.h"
#include "base/config_file.h"
#include "base/config_table.h"
#include "base/config_text.h"
#include "base/config_value.h"
#include "base/mem.h"
#include "base/parse.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/etc/clerk-tokend/"
#define SUFFIX ".conf"

DEFINE_CLEANUP(config, struct config *, config_free);

static void parser_cleanup(config_t *parser)
{
	config_destroy(parser);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < ARRAY_LEN(config_table); i++)
		if (config_table_is_string(&config_table[i]))
			free(*(char **)config_table_slot(&config_table[i], config));
	free(config->path);
	free(config);
}

/* libconfig and the scanner agree on what is of which type; where they do not, it is
 * said. */
static int disagree(const struct config_value *value, struct error *err)
{
	return config_source_fault(
		value->source, value->key, err, "the value is of another type");
}

static int put_set(const struct config_value *value, const config_setting_t *setting,
	struct error *err)
{
	int64_t *slot = config_table_slot(value->key, value->config);
	int n = config_setting_length(setting);

	if (config_setting_type(setting) != CONFIG_TYPE_ARRAY)
		return disagree(value, err);
	*slot = 0;
	for (int i = 0; i < n; i++) {
		const char *word = config_setting_get_string_elem(setting, i);

		if (!word)
			return disagree(value, err);
		if (config_value_add_word(value, word, err) < 0)
			return -1;
	}
	return config_value_check_set(value, err);
}

/* libconfig has NULL for a text that it had no memory for. */
static const char *get_string(const config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);

	if (!text)
		mem_exhausted();
	return text;
}

static int put_setting(const struct config_value *value, const config_setting_t *setting,
	struct error *err)
{
	int type = config_setting_type(setting);

	if (value->key->kind == CONFIG_KIND_SET)
		return put_set(value, setting, err);
	if (config_table_is_quoted(value->key) && type == CONFIG_TYPE_STRING)
		return config_value_put_text(value, get_string(setting), err);
	if (value->key->kind == CONFIG_KIND_INTEGER && type == CONFIG_TYPE_INT)
		return config_value_put_integer(
			value, config_setting_get_int(setting), err);
	if (value->key->kind == CONFIG_KIND_NUMBER && type == CONFIG_TYPE_INT)
		return config_value_put_number(
			value, config_setting_get_int(setting), err);
	if (value->key->kind == CONFIG_KIND_NUMBER && type == CONFIG_TYPE_FLOAT)
		return config_value_put_number(
			value, config_setting_get_float(setting), err);
	return disagree(value, err);
}

/* Parses the text and writes what it gives over the defaults. */
static int read_values(const char *text, const struct config_source *source,
	struct config *config, struct error *err)
{
	AUTO(buf_wiped) struct buf copy = BUF_NULL;
	AUTO(parser) config_t parser;

	/* libconfig calls a last line that is a comment without its newline an error. */
	buf_printf(&copy, "%s\n", text);
	config_init(&parser);
	if (!config_read_string(&parser, buf_str(&copy)))
		return error_set(err,
			"%s:%d: %s; NAME = VALUE; or NAME: { … }; is wanted",
			source->path, config_error_line(&parser),
			config_error_text(&parser));
	for (size_t i = 0; i < ARRAY_LEN(config_table); i++) {
		const struct config_value value = {&config_table[i], source, config};
		config_setting_t *setting;

		if (!source->lines[i])
			continue;
		setting = config_lookup(&parser, config_table[i].path);
		if (!setting)
			return disagree(&value, err);
		if (put_setting(&value, setting, err) < 0)
			return -1;
	}
	return 0;
}

/* One key may not be less than another: said at the one that stands in the file. */
static int check_not_less(const struct config_source *source, enum config_key_id big,
	enum config_key_id small, const struct config *config, struct error *err)
{
	bool at_small = source->lines[small] > source->lines[big];
	const struct config_key *here = &config_table[at_small ? small : big];
	const struct config_key *there = &config_table[at_small ? big : small];
	char mine[32], theirs[32];

	if (config_table_integer(&config_table[big], config) >=
		config_table_integer(&config_table[small], config))
		return 0;
	parse_format_duration(config_table_integer(here, config), mine);
	parse_format_duration(config_table_integer(there, config), theirs);
	return error_set(err, "%s:%d: %s: \"%s\" is %s than %s, which is \"%s\"%s; %s",
		source->path, source->lines[here - config_table], here->path, mine,
		at_small ? "more" : "less", there->path, theirs,
		source->lines[there - config_table] ? "" : " by default",
		at_small ? "at most that is allowed" : "at least that is allowed");
}

static int check_together(
	const struct config_source *source, struct config *config, struct error *err)
{
	if (check_not_less(source, CONFIG_KEY_clerk_request_timeout_ms,
		    CONFIG_KEY_clerk_connect_timeout_ms, config, err) < 0 ||
		check_not_less(source, CONFIG_KEY_retry_max_delay_ms,
			CONFIG_KEY_retry_initial_delay_ms, config, err) < 0)
		return -1;
	if (config->policy_max_expires_in_ms &&
		check_not_less(source, CONFIG_KEY_policy_max_expires_in_ms,
			CONFIG_KEY_policy_default_expires_in_ms, config, err) < 0)
		return -1;
	if (config->rate_urgent_share < config->rate_share)
		config->rate_urgent_share = config->rate_share;
	return 0;
}

/* systemd.exec(5): several folders stand in $RUNTIME_DIRECTORY with ':' between. */
static int resolve_runtime_directory(
	const struct config_source *source, struct config *config, struct error *err)
{
	const char *given = getenv("RUNTIME_DIRECTORY");

	if (*config->runtime_directory)
		return 0;
	if (given && *given && *given != '/')
		return error_set(err,
			"%s: runtime_directory: is \"\", and $RUNTIME_DIRECTORY is not "
			"absolute; "
			"an absolute path is wanted in either",
			source->path);
	free(config->runtime_directory);
	config->runtime_directory =
		given && *given ? xstrndup(given, strcspn(given, ":"))
				: xasprintf("%s/run", config->state_directory);
	return 0;
}

int config_load_text(const char *path, const char *text, size_t len,
	struct config **ret_config, struct error *err)
{
	AUTO(config) struct config *config = xcalloc(1, sizeof(*config));
	struct config_source source = {.path = path};

	config->path = xstrdup(path);
	for (size_t i = 0; i < ARRAY_LEN(config_table); i++)
		config_value_default(&config_table[i], config);
	if (config_file_check(path, text, len, err) < 0 ||
		config_text_check(text, &source, err) < 0 ||
		read_values(text, &source, config, err) < 0 ||
		check_together(&source, config, err) < 0 ||
		resolve_runtime_directory(&source, config, err) < 0)
		return -1;
	*ret_config = TAKE_PTR(config);
	return 0;
}

int config_load(const char *path, struct config **ret_config, struct error *err)
{
	AUTO(buf_wiped) struct buf text = BUF_NULL;

	if (config_file_read(path, &text, err) < 0)
		return -1;
	return config_load_text(path, buf_str(&text), text.len, ret_config, err);
}

/* A name that cannot leave /etc/clerk-tokend. */
static bool is_instance(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= 64 && *name != '.' && *name != '-' &&
	       !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789-_.")];
}

static int find_given(const char *path, char **ret_path, struct error *err)
{
	AUTO(free_ptr) char *folder = NULL;

	if (!*path)
		return error_set(
			err, "-c: the name is empty; a configuration file is wanted");
	if (*path == '/') {
		*ret_path = xstrdup(path);
		return 0;
	}
	folder = getcwd(NULL, 0);
	if (!folder)
		return error_errno(
			err, errno, "%s: the current folder has no name", path);
	*ret_path = xasprintf("%s/%s", folder, path);
	return 0;
}

int config_find(
	const char *path, const char *instance, char **ret_path, struct error *err)
{
	if (path)
		return find_given(path, ret_path, err);
	if (!instance) {
		instance = getenv("CLERK_TOKEND_INSTANCE");
		if (instance && !*instance)
			instance = NULL;
	}
	if (instance && !is_instance(instance))
		return error_set(err,
			"\"%s\" is no name of an instance; 1 to 64 letters, digits and "
			"-_. are "
			"allowed, beginning with a letter, a digit or _",
			instance);
	*ret_path = xasprintf(FOLDER "%s" SUFFIX, instance ? instance : "clerk-tokend");
	return 0;
}

char *config_instance(const char *path)
{
	size_t len = strlen(path);
	char *name;

	if (strncmp(path, FOLDER, strlen(FOLDER)) != 0 || len <= strlen(FOLDER SUFFIX) ||
		strcmp(path + len - strlen(SUFFIX), SUFFIX) != 0)
		return NULL;
	name = xstrndup(path + strlen(FOLDER), len - strlen(FOLDER SUFFIX));
	if (is_instance(name) && strcmp(name, "clerk-tokend") != 0)
		return name;
	free(name);
	return NULL;
}

static bool same(
	const struct config_key *key, const struct config *old, const struct config *new)
{
	if (config_table_is_string(key))
		return !strcmp(
			config_table_string(key, old), config_table_string(key, new));
	if (key->kind == CONFIG_KIND_NUMBER)
		return config_table_number(key, old) == config_table_number(key, new);
	return config_table_integer(key, old) == config_table_integer(key, new);
}

const char *config_needs_restart(const struct config *old, const struct config *new)
{
	for (size_t i = 0; i < ARRAY_LEN(config_table); i++)
		if (!config_table[i].reload && !same(&config_table[i], old, new))
			return config_table[i].path;
	return NULL;
}
