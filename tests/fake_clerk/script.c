#include "script.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

void script_step_free(struct script_step *step)
{
	if (!step || --step->n_refs > 0)
		return;
	free(step->user_id);
	free(step->token_id);
	free(step->retry_after);
	free(step->location);
	free(step->code);
	free(step->long_message);
	free(step->body);
	free(step->content_type);
	free(step);
}

void script_clear(struct script *script)
{
	for (size_t i = 0; i < script->n; i++)
		script_step_free(script->list[i]);
	free(script->list);
	*script = (struct script){0};
}

static bool read_string(const json_t *value, char **to)
{
	if (!json_is_string(value))
		return false;
	free(*to);
	*to = mem_copy(json_string_value(value));
	return true;
}

static bool read_number(const json_t *value, int high, int *to)
{
	if (!json_is_integer(value))
		return false;
	json_int_t number = json_integer_value(value);
	if (number < 0 || number > high)
		return false;
	*to = (int)number;
	return true;
}

/* A string, a list of strings (several headers), or null for no header. */
static bool read_retry_after(const json_t *value, char **to)
{
	if (json_is_string(value))
		return read_string(value, to);
	if (!json_is_array(value) && !json_is_null(value))
		return false;
	struct text joined = {0};
	text_adds(&joined, "");
	size_t i;
	json_t *one;
	json_array_foreach(value, i, one)
	{
		if (!json_is_string(one)) {
			text_free(&joined);
			return false;
		}
		text_adds(&joined, i ? "\n" : "");
		text_adds(&joined, json_string_value(one));
	}
	free(*to);
	*to = joined.data;
	return true;
}

static bool read_action(const json_t *value, enum action *to)
{
	const char *name = json_string_value(value);
	if (!name)
		return false;
	if (strcmp(name, "create") == 0)
		*to = ACTION_CREATE;
	else if (strcmp(name, "revoke") == 0)
		*to = ACTION_REVOKE;
	else
		return false;
	return true;
}

static bool read_field(struct script_step *step, const char *key, const json_t *value)
{
	if (strcmp(key, "fault") == 0)
		return json_is_string(value) &&
		       fault_parse(json_string_value(value), &step->kind, &step->value);
	if (strcmp(key, "action") == 0)
		return read_action(value, &step->action);
	if (strcmp(key, "count") == 0)
		return read_number(value, 1 << 30, &step->left);
	if (strcmp(key, "delay_ms") == 0)
		return read_number(value, 1 << 30, &step->delay_ms);
	if (strcmp(key, "retry_after") == 0)
		return read_retry_after(value, &step->retry_after);
	char **to = strcmp(key, "user_id") == 0        ? &step->user_id
		    : strcmp(key, "token_id") == 0     ? &step->token_id
		    : strcmp(key, "location") == 0     ? &step->location
		    : strcmp(key, "code") == 0         ? &step->code
		    : strcmp(key, "long_message") == 0 ? &step->long_message
		    : strcmp(key, "body") == 0         ? &step->body
		    : strcmp(key, "content_type") == 0 ? &step->content_type
						       : NULL;
	return to && read_string(value, to);
}

/* Returns the step, or NULL when it is wrong. */
static struct script_step *read_step(const json_t *json, bool tls)
{
	struct script_step *step = mem_zero(sizeof(*step));
	step->n_refs = 1;
	step->left = 1;
	bool right = true;
	if (json_is_string(json)) {
		right = read_field(step, "fault", json);
	} else if (json_is_object(json)) {
		const char *key;
		json_t *value;
		/* The iterator of jansson wants a writable object; it changes none. */
		json_object_foreach((json_t *)(uintptr_t)json, key, value)
		{
			if (!read_field(step, key, value))
				right = false;
		}
	} else {
		right = false;
	}
	if (right && !(tls && fault_needs_plain(step->kind)))
		return step;
	script_step_free(step);
	return NULL;
}

bool script_append(
	struct script *script, const json_t *list, bool tls, const char **ret_problem)
{
	if (!json_is_array(list)) {
		*ret_problem = "a script is a list of faults";
		return false;
	}
	size_t before = script->n, n = json_array_size(list);
	script->list =
		mem_resize(script->list, (before + n) * sizeof(struct script_step *));
	for (size_t i = 0; i < n; i++) {
		struct script_step *step = read_step(json_array_get(list, i), tls);
		if (!step) {
			while (script->n > before)
				script_step_free(script->list[--script->n]);
			*ret_problem = "a step of the script has an unknown field, fault "
				       "or value";
			return false;
		}
		script->list[script->n++] = step;
	}
	return true;
}

static bool matches(const char *pattern, const char *value)
{
	if (!pattern)
		return true;
	if (!value)
		return false;
	size_t len = strlen(pattern);
	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, value, len - 1) == 0;
	return strcmp(pattern, value) == 0;
}

static bool meant_for(const struct script_step *step, const struct request *request)
{
	return (step->action == ACTION_OTHER || step->action == request->action) &&
	       matches(step->user_id, request->user_id) &&
	       matches(step->token_id, request->token_id);
}

struct script_step *script_take(struct script *script, const struct request *request)
{
	for (size_t i = 0; i < script->n; i++) {
		struct script_step *step = script->list[i];
		if (!meant_for(step, request))
			continue;
		if (step->left == 0 || --step->left > 0) {
			step->n_refs++;
			return step;
		}
		script->n--;
		memmove(&script->list[i], &script->list[i + 1],
			(script->n - i) * sizeof(struct script_step *));
		return step;
	}
	return NULL;
}
