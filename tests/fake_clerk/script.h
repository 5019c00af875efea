#pragma once

#include "faults.h"
#include "request.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One scripted fault and the requests it is meant for. Counted references. */
struct script_step {
	int n_refs;
	enum fault_kind kind;
	int value;
	int left;           /* requests it is still for; 0: all that come */
	enum action action; /* ACTION_OTHER: any */
	char *user_id;      /* NULL: any; a last * stands for any ending */
	char *token_id;
	int delay_ms;
	char *retry_after; /* NULL: as usual, "": none */
	char *location;
	char *code;
	char *long_message;
	char *body; /* sent in place of the answer's own body */
	char *content_type;
};

/* The steps to come, in order. Zeroed there are none. */
struct script {
	struct script_step **list;
	size_t n;
};

/* Appends the steps of a JSON list (strings or objects); tls refuses the faults that need
 * a plain socket. Returns false when one of them
 * is wrong, with *ret_problem (a constant text) set; then none is appended. */
bool script_append(
	struct script *script, const json_t *list, bool tls, const char **ret_problem);

/* Takes the first step that is meant for this request. Returns a reference, to be given
 * back with script_step_free(), or NULL. */
struct script_step *script_take(struct script *script, const struct request *request);

/* Gives a reference back; NULL is fine. */
void script_step_free(struct script_step *step);

/* Removes all steps and frees their memory. */
void script_clear(struct script *script);
