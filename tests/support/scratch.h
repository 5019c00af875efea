/* A folder of a test's own, and what tests of the store have in common. */
#pragma once

#include "base/clock.h"
#include "store/ledger.h"

/* Makes a scratch folder with the state directory's folders queue, audit and tokens. The
 * path is static, until the next call. */
const char *scratch_make(void);

/* The folder that scratch_make() made last. */
const char *scratch_folder(void);

/* Removes the folder that scratch_make() made last, with everything in it. */
void scratch_remove(void);

/* Opens the ledger in the scratch folder; fails the test where that does not work. */
struct ledger *scratch_ledger(void);

/* The first column of the first row of an SQL text on DATABASE/DATABASE.db in the scratch
 * folder ("audit", "tokens"), as a new string; "" where there is none. Opens read-only
 * each time. */
char *scratch_sql(const char *database, const char *sql);

/* Writes with an SQL text into DATABASE/DATABASE.db, past its triggers. */
void scratch_write(const char *database, const char *sql);

/* Asserts that scratch_sql() is want. */
void scratch_expect(const char *database, const char *sql, const char *want);

/* A valid create or revoke that was just taken from the queue; strings owned by the job.
 */
struct job scratch_create(int64_t id, const char *user_id);
struct job scratch_revoke(int64_t id, const char *token_id);

/* A create's good answer: token id sit_<id>, secret "secret-<id>". */
struct answer scratch_token_answer(const char *token_id, const char *user_id);
