#include "clerk/reply_error.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define CODE_LEN_MAX 128

static bool is_code(const json_t *value, const struct redact *redact)
{
	const char *code = json_string_value(value);
	size_t len = json_string_length(value);
	AUTO(free_ptr) char *line = NULL;

	if (!code || len < 1 || len > CODE_LEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)code[i]) ||
			(!isalnum((unsigned char)code[i]) && !strchr("_.-", code[i])))
			return false;
	line = redact_line(redact, code, len);
	return !strcmp(line, code);
}

/* Whether word stands in text right behind "its status is ". */
static bool says(const char *text, const char *word)
{
	static const char before[] = "its status is ";
	const char *found = text ? strstr(text, before) : NULL;
	size_t len = strlen(word);

	if (!found)
		return false;
	found += strlen(before);
	return !strncmp(found, word, len) && !isalnum((unsigned char)found[len]) &&
	       found[len] != '_';
}

static enum answer_said read_said(const char *text)
{
	if (says(text, "revoked"))
		return ANSWER_SAID_REVOKED;
	if (says(text, "accepted"))
		return ANSWER_SAID_ACCEPTED;
	return ANSWER_SAID_NOTHING;
}

static void read_entry(
	const json_t *entry, const struct redact *redact, struct answer *answer)
{
	const json_t *long_message = json_object_get(entry, "long_message");
	const json_t *message = json_object_get(entry, "message");

	answer->error_code = xstrdup(json_string_value(json_object_get(entry, "code")));
	answer->code_is_clerks = true;
	answer->error_message = redact_line(redact, json_string_value(long_message),
		json_string_length(long_message));
	if (!answer->error_message)
		answer->error_message = redact_line(
			redact, json_string_value(message), json_string_length(message));
	if (strcmp(answer->error_code, REPLY_ERROR_CANNOT_BE_REVOKED) != 0)
		return;
	answer->said = read_said(json_string_value(long_message));
	if (answer->said == ANSWER_SAID_NOTHING)
		answer->said = read_said(json_string_value(message));
}

bool reply_error_read(
	const json_t *body, const struct redact *redact, struct answer *answer)
{
	const json_t *entry;
	size_t i;

	/* uncovered: the macro looks for an entry that is missing below the size */
	json_array_foreach(json_object_get(body, "errors"), i, entry)
	{
		if (!is_code(json_object_get(entry, "code"), redact))
			continue;
		read_entry(entry, redact, answer);
		return true;
	}
	return false;
}
