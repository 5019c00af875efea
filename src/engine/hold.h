/* Why sending as a whole may stand still. */
#pragma once

/* In the order in which a status line names them. */
enum hold_kind {
	HOLD_AUDIT,       /* audit.db cannot be written or is behind tokens.db */
	HOLD_DISK,        /* full */
	HOLD_CREDENTIALS, /* Clerk refuses the key */
	HOLD_MAINTENANCE, /* Clerk says maintenance_mode */
	HOLD_OUTAGE,      /* the breaker, or a redirect */
	HOLD_QUEUE,       /* queue.db does not hold: stops taking in, not sending */
	HOLD__MAX
};

/* The contract's word, static; the value of a word, or -1. */
const char *hold_name(enum hold_kind kind);
int hold_parse(const char *word);
