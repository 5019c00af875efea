/*
 * The table of keys (config.def) as C, and what the rest of config_*.c shares: how a
 * fault in the file is worded. For base/config*.c alone.
 */
#pragma once

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum config_kind {
	CONFIG_KIND_DIRECTORY, /* an absolute path */
	CONFIG_KIND_PATH,      /* an absolute path, or "" */
	CONFIG_KIND_URL,       /* of the API */
	CONFIG_KIND_PROXY,     /* http(s)://HOST[:PORT], or "" */
	CONFIG_KIND_DATE,      /* YYYY-MM-DD */
	CONFIG_KIND_DURATION,
	CONFIG_KIND_SECONDS, /* a duration of whole seconds, or "" (0) */
	CONFIG_KIND_INTEGER,
	CONFIG_KIND_NUMBER,
	CONFIG_KIND_WORD, /* the number of one of words */
	CONFIG_KIND_SET,  /* bits, one for each of words */
	CONFIG_KIND__MAX
};

/* CONFIG_KEY_<field>: the place of a key in config_table[]. */
enum config_key_id {
#define CONFIG(field, ...) CONFIG_KEY_##field,
#include "base/config.def"
#undef CONFIG
	CONFIG_KEY__MAX
};

struct config_key {
	const char *path;
	enum config_kind kind;
	size_t offset; /* of its field in struct config */
	const char *fallback;
	double min, max;
	const char *words;
	bool reload;
	const char *help;
};

extern const struct config_key config_table[CONFIG_KEY__MAX];

/* Longest path of a key, its NUL included; longer names are unknown ones. */
#define CONFIG_TABLE_PATH_MAX 128

/* The key of that path, or NULL. */
const struct config_key *config_table_find(const char *path);

/* The first key of the group of that name, or NULL where there is none. */
const struct config_key *config_table_find_group(const char *name);

/* Length of the key's group name, 0 where it stands at the top. */
size_t config_table_group_len(const struct config_key *key);

/* The key's name inside its group. */
const char *config_table_name(const struct config_key *key);

/* The key whose path is so near to the wrong one that it may be meant, or NULL. */
const struct config_key *config_table_near(const char *path);

#define CONFIG_TABLE_ALLOWED_MAX 256

/* What the key takes, in words: `a whole number from 1 to 1024`. */
void config_table_allowed(
	const struct config_key *key, char ret_text[CONFIG_TABLE_ALLOWED_MAX]);

/* Whether its field in struct config is a char *. */
bool config_table_is_string(const struct config_key *key);

/* Whether it is written as a text in quotation marks. */
bool config_table_is_quoted(const struct config_key *key);

/* The n-th of the blank-separated words in *ret_word (borrowed, not terminated). Returns
 * its length, 0 where there are not so many. */
size_t config_table_word(const char *words, int n, const char **ret_word);

/* The number of the word among the blank-separated words, or -1. */
int config_table_word_index(const char *words, const char *word);

/* A file while it is being read. */
struct config_source {
	const char *path;           /* borrowed: the file, for errors */
	int lines[CONFIG_KEY__MAX]; /* where each key stands; 0 = not in the file */
};

/* Writes `FILE:LINE: KEY: WHAT; ALLOWED` with the key's line and what it takes. Returns
 * -1. */
int config_source_fault(const struct config_source *source, const struct config_key *key,
	struct error *err, const char *what, ...) __attribute__((format(printf, 4, 5)));

/* The key's field, to write to: a char *, a double or an int64_t, as the kind says. */
static inline void *config_table_slot(const struct config_key *key, struct config *config)
{
	return (char *)config + key->offset;
}

/* The key's value, each for its kinds. The string is borrowed from config. */
static inline const char *config_table_string(
	const struct config_key *key, const struct config *config)
{
	return *(char *const *)((const char *)config + key->offset);
}

static inline double config_table_number(
	const struct config_key *key, const struct config *config)
{
	/* cppcheck-suppress invalidPointerCast ; a double stands behind that offset */
	return *(const double *)((const char *)config + key->offset);
}

static inline int64_t config_table_integer(
	const struct config_key *key, const struct config *config)
{
	return *(const int64_t *)((const char *)config + key->offset);
}
