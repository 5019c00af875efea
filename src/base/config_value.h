/* One value: from the default's text, or from what libconfig read, into its field of
 * struct config, checked against the table. For base/config*.c alone. */
#pragma once

#include "base/config_table.h"
#include "base/error.h"

#include <stdint.h>

/* Writes the default into the key's field (which holds none yet). The table's own text is
 * taken to be right: a fault is a bug. */
void config_value_default(const struct config_key *key, struct config *config);

/* Where a value comes from and goes to; all borrowed for the call. */
struct config_value {
	const struct config_key *key;
	const struct config_source *source;
	struct config *config;
};

/* Each writes a value as the key's kind wants it, freeing what the field held, or fails
 * with `FILE:LINE: KEY: what is wrong; what is allowed`. Texts: every kind that is
 * written in quotation marks. */
int config_value_put_text(
	const struct config_value *value, const char *text, struct error *err);
int config_value_put_integer(
	const struct config_value *value, int64_t number, struct error *err);
int config_value_put_number(
	const struct config_value *value, double number, struct error *err);

/* Adds one word to a set that began as 0; config_value_check_set() then sees whether
 * there are enough. */
int config_value_add_word(
	const struct config_value *value, const char *word, struct error *err);
int config_value_check_set(const struct config_value *value, struct error *err);
