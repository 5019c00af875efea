#include "control_set.h"

#include "clock.h"
#include "fake.h"

#include <stdint.h>
#include <string.h>

#define LONGEST_MS 86400000

/* The iterator of jansson wants a writable object; it changes none. */
static json_t *unconst(const json_t *json)
{
	return (json_t *)(uintptr_t)json;
}

const char *control_set_faults(struct fake *fake, const json_t *body)
{
	if (!json_is_object(body))
		return "expected {\"KIND\": probability, ...}";
	struct fault_chances chances = {0};
	const char *kind;
	json_t *probability;
	json_object_foreach(unconst(body), kind, probability)
	{
		enum fault_kind parsed;
		int value;
		if (!json_is_number(probability) ||
			!fault_chances_add(
				&chances, kind, json_number_value(probability)) ||
			!fault_parse(kind, &parsed, &value) ||
			(fake->tls && fault_needs_plain(parsed))) {
			fault_chances_clear(&chances);
			return "an unknown fault, one that TLS does not allow, or "
			       "probabilities beyond 1";
		}
	}
	fault_chances_clear(&fake->chances);
	fake->chances = chances;
	return NULL;
}

const char *control_set_script(struct fake *fake, const json_t *body)
{
	if (json_is_array(body) && json_array_size(body) == 0) {
		script_clear(&fake->script);
		return NULL;
	}
	const char *problem = NULL;
	(void)script_append(&fake->script, body, fake->tls, &problem);
	return problem;
}

const char *control_set_keys(struct fake *fake, const json_t *body)
{
	const json_t *list = json_object_get(body, "keys");
	if (!json_is_array(list))
		return "expected {\"keys\": [\"sk_test_...\", ...]}";
	size_t i;
	json_t *key;
	json_array_foreach(list, i, key)
	{
		if (!json_is_string(key))
			return "a key is a string";
	}
	keys_clear(&fake->keys);
	json_array_foreach(list, i, key)
	{
		keys_add(&fake->keys, json_string_value(key));
	}
	return NULL;
}

/* Returns whether an optional number is absent, or right and then in *to. */
static bool take_number(const json_t *value, json_int_t low, json_int_t high, int *to)
{
	if (!value)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < low ||
		json_integer_value(value) > high)
		return false;
	*to = (int)json_integer_value(value);
	return true;
}

const char *control_set_limit(struct fake *fake, const json_t *body)
{
	struct limit_config config = fake->limit.config;
	const json_t *kind = json_object_get(body, "kind");
	const json_t *retry_after = json_object_get(body, "retry_after");
	const json_t *count_refused = json_object_get(body, "count_refused");
	if (!json_is_object(body))
		return "expected an object";
	if (kind && (!json_is_string(kind) ||
			    !limit_kind_parse(json_string_value(kind), &config.kind)))
		return "kind is sliding, fixed or none";
	if (!take_number(json_object_get(body, "limit"), 0, INT32_MAX, &config.limit))
		return "limit is a number from 0";
	if (!take_number(
		    json_object_get(body, "window_ms"), 1, LONGEST_MS, &config.window_ms))
		return "window_ms is a number from 1 to a day";
	if (retry_after &&
		(!json_is_string(retry_after) ||
			json_string_length(retry_after) >= sizeof(config.retry_after)))
		return "retry_after is a string: on, off or the value";
	if (retry_after)
		memcpy(config.retry_after, json_string_value(retry_after),
			json_string_length(retry_after) + 1);
	if (count_refused && !json_is_boolean(count_refused))
		return "count_refused is true or false";
	if (count_refused)
		config.count_refused = json_is_true(count_refused);
	fake->limit.config = config;
	return NULL;
}

const char *control_set_latency(struct fake *fake, const json_t *body)
{
	int low = 0;
	if (!json_object_get(body, "min_ms") ||
		!take_number(json_object_get(body, "min_ms"), 0, LONGEST_MS, &low))
		return "min_ms is a number from 0 to a day";
	int high = low;
	if (!take_number(json_object_get(body, "max_ms"), low, LONGEST_MS, &high))
		return "max_ms is a number from min_ms to a day";
	fake->latency_low_ms = low;
	fake->latency_high_ms = high;
	return NULL;
}

const char *control_set_maintenance(struct fake *fake, const json_t *body)
{
	const json_t *on = json_object_get(body, "on");
	if (!json_is_boolean(on))
		return "expected {\"on\": true or false}";
	fake->maintenance = json_is_true(on);
	return NULL;
}

const char *control_set_accepted(struct fake *fake, const json_t *body)
{
	const char *id = json_string_value(json_object_get(body, "id"));
	if (!id)
		return "expected {\"id\": \"sit_...\"}";
	struct token *token = tokens_find(&fake->tokens, id);
	if (!token)
		return "no such token";
	if (token->status != TOKEN_PENDING)
		return "the token is not pending";
	token->status = TOKEN_ACCEPTED;
	token->updated_at = clock_wall_ms();
	ledger_accepted(&fake->ledger, id);
	return NULL;
}

const char *control_set_reset(struct fake *fake, const json_t *body)
{
	(void)body;
	tokens_clear(&fake->tokens);
	ledger_clear(&fake->ledger);
	stats_clear(&fake->stats);
	script_clear(&fake->script);
	fault_chances_clear(&fake->chances);
	limit_clear(&fake->limit);
	fake->maintenance = false;
	return NULL;
}
