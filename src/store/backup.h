/*
 * Copies of the databases while others use them, by SQLite's backup API.
 *
 * The order of the kinds is the order to copy them in, so that the copies can be put back
 * together. tokens.db carries a mark of how far audit.db had got before each of its
 * commits, and an audit.db behind the mark is refused: so tokens.db first, audit.db after
 * it. audit.db carries cursors into queue.db, and a queue.db behind them is a hold: so
 * queue.db last. What the later copy knows more is found again at the start: a secret
 * that is not there is an attempt that was interrupted, a row beyond the cursor is taken.
 */
#pragma once

#include "base/error.h"
#include "store/reader.h"

#include <stdbool.h>

enum backup_kind { BACKUP_TOKENS, BACKUP_AUDIT, BACKUP_QUEUE, BACKUP__MAX };

/* Its file's name, "audit.db"; static. */
const char *backup_name(enum backup_kind kind);

struct backup {
	const char *state_directory; /* borrowed, like the rest; absolute */
	const char *to;              /* the copy's name: nothing is there yet */
	/* Asked between steps; false ends the copying. */
	bool (*go_on)(void *userdata);
	void *userdata;
};

/* Copies one database as it stands in one moment: a file of mode 0600 in one piece,
 * without a WAL, checked (quick_check) and synced. 0; READER_E_MISSING,
 * READER_E_PERMISSION or READER_E_BUSY of the source (err says what); or < 0, err says
 * why: what stands at `to` is then worth nothing. */
int backup_copy(const struct backup *backup, enum backup_kind kind, struct error *err);
