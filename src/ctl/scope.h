/* What a revoke by selectors concerns: tokens that may be live, and creates that may yet
 * bring one. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/ids.h"
#include "ctl/rows.h"

struct scope {
	struct rows revokes;   /* the tokens that may be live, as rows to submit */
	struct ids unfinished; /* creates that are queued, running or not taken yet */
	struct ids underway;   /* revokes of such tokens that go by themselves already */
};

#define SCOPE_NULL                                                                       \
	{                                                                                \
		.revokes = {.action = "revoke" }                                         \
	}

/* Frees. Idempotent. */
void scope_deinit(struct scope *scope);

/* Finds the tokens of the selected creates, and those creates that are not final. 0 or an
 * exit status. */
int scope_find(
	struct ctl *ctl, const struct reader_selector *selector, struct scope *scope);

/* The same for what the selector takes now and for what was unfinished in *scope: those
 * creates stay in scope whatever their state and result have become. 0 or an exit status.
 */
int scope_find_again(
	struct ctl *ctl, const struct reader_selector *selector, struct scope *scope);

/* Finds every token that may be live. 0 or an exit status. */
int scope_find_live(struct ctl *ctl, struct scope *scope);

static inline void scope_cleanup(struct scope *scope)
{
	scope_deinit(scope);
}
