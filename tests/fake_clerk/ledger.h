#pragma once

#include "request.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>

struct tokens;

/* The fake's own record, a JSON object a line: every request with what it did, written
 * before its answer leaves. */
struct ledger {
	struct text lines;
	size_t n_lines;
	int fd;    /* of the file, or -1 */
	bool kept; /* false: nothing is recorded at all */
};

/* Opens the record. With a path its file is read back: its lines are kept and its tokens
 * are added to tokens; a torn last line is cut off. Returns false, after saying why on
 * stderr, when the file cannot be used. */
bool ledger_open(struct ledger *ledger, const char *path, struct tokens *tokens);

/* Records a request that is decided. The process ends when the file cannot be written. */
void ledger_request(struct ledger *ledger, const struct request *request);

/* Records that a token was accepted, by the control interface. */
void ledger_accepted(struct ledger *ledger, const char *token_id);

/* Appends the lines from number `from` (0 is the first) to out. */
void ledger_print(const struct ledger *ledger, size_t from, struct text *out);

/* Forgets all lines, in the file too. */
void ledger_clear(struct ledger *ledger);

/* Closes the file and frees the lines. */
void ledger_close(struct ledger *ledger);
