/* create. */
#include "base/parse.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/rows_file.h"
#include "ctl/submit.h"

#include <inttypes.h>
#include <string.h>

static int set(struct rows *rows, struct row *row, const char *column, const char *text)
{
	struct error err = ERROR_NULL;

	if (rows_set(rows, row, column, text, &err) == 0)
		return CTL_OK;
	return ctl_fail(CTL_USAGE, "%s", err.text);
}

/* A word is USER_ID, or KEY:USER_ID: ids hold no colon. */
static int add_word(struct rows *rows, const char *word)
{
	const char *colon = strrchr(word, ':');
	struct row *row = rows_add(rows, 0);
	AUTO(free_ptr) char *key = colon ? xstrndup(word, (size_t)(colon - word)) : NULL;

	if (key && !*key)
		return ctl_fail(CTL_USAGE, "%s: the key before the colon is empty", word);
	if (key && set(rows, row, "idempotency_key", key))
		return CTL_USAGE;
	if (!*(colon ? colon + 1 : word))
		return ctl_fail(CTL_USAGE, "a user id is empty");
	return set(rows, row, "user_id", colon ? colon + 1 : word);
}

/* --key KEY for the one user, or KEY:USER_ID for one of several. */
static int add_key(struct rows *rows, const char *text)
{
	const char *colon = strrchr(text, ':');
	AUTO(free_ptr) char *key = colon ? xstrndup(text, (size_t)(colon - text)) : NULL;

	if (rows->n == 1 && rows->rows[0].idempotency_key)
		return ctl_fail(CTL_USAGE, "--key %s: %s has the key %s already", text,
			rows->rows[0].user_id, rows->rows[0].idempotency_key);
	if (rows->n == 1 && (!colon || strcmp(colon + 1, rows->rows[0].user_id) != 0))
		return set(rows, &rows->rows[0], "idempotency_key", text);
	for (size_t i = 0; colon && i < rows->n; i++) {
		struct row *row = &rows->rows[i];

		if (strcmp(colon + 1, row->user_id) != 0 || row->idempotency_key)
			continue;
		return set(rows, row, "idempotency_key", key);
	}
	return ctl_fail(CTL_USAGE,
		"--key %s: with several users KEY:USER_ID is wanted, USER_ID being one "
		"of them",
		text);
}

static int read_words(const struct ctl *ctl, struct rows *rows)
{
	for (int i = 0; i < ctl->args->n_words; i++)
		if (add_word(rows, ctl->args->words[i]))
			return CTL_USAGE;
	for (int i = 0; i < ctl->args->n_values; i++)
		if (ctl->args->values[i].opt == OPT_KEY &&
			add_key(rows, ctl->args->values[i].text))
			return CTL_USAGE;
	return CTL_OK;
}

static int read_rows(const struct ctl *ctl, struct rows *rows)
{
	const char *from = args_get(ctl->args, OPT_FROM);

	if (!from == !ctl->args->n_words)
		return ctl_fail(CTL_USAGE, "create wants either user ids or --from FILE");
	if (from && args_has(ctl->args, OPT_KEY))
		return ctl_fail(CTL_USAGE,
			"--key is for users on the command line; FILE has the column "
			"idempotency_key");
	return from ? rows_file_read(from, rows) : read_words(ctl, rows);
}

/* --first and --max-failures: a row of batch. */
static int read_batch(
	const struct ctl *ctl, const struct row *defaults, struct reader_batch *batch)
{
	const char *first = args_get(ctl->args, OPT_FIRST);
	const char *failures = args_get(ctl->args, OPT_MAX_FAILURES);

	*batch = (struct reader_batch){.name = defaults->batch,
		.requested_by = defaults->requested_by,
		.reason = defaults->reason};
	if ((first || failures) && !batch->name)
		return ctl_fail(
			CTL_USAGE, "--first and --max-failures want --batch NAME");
	if (first && ctl_number("--first", first, 1, INT64_C(999999999999),
			     &batch->release_first))
		return CTL_USAGE;
	if (failures && ctl_number("--max-failures", failures, 1, INT64_C(999999999999),
				&batch->max_failures))
		return CTL_USAGE;
	return CTL_OK;
}

/* The limits hold for one batch: rows of another one would run without any. */
static int check_batch(const struct rows *rows, const struct reader_batch *limits)
{
	for (size_t i = 0; limits && i < rows->n; i++)
		if (strcmp(rows->rows[i].batch, limits->name) != 0)
			return ctl_fail(CTL_USAGE,
				"%s:%" PRId64 ": batch: %s, but --first and "
				"--max-failures are for --batch %s; submit the rows of "
				"each batch by themselves",
				rows->source, rows->rows[i].line, rows->rows[i].batch,
				limits->name);
	return CTL_OK;
}

static int check_options(struct ctl *ctl)
{
	int status = submit_check_timeout(ctl);

	if (status == CTL_OK && args_has(ctl->args, OPT_URL) &&
		!args_has(ctl->args, OPT_WAIT))
		return ctl_fail(
			CTL_USAGE, "--url wants --wait: the url comes with the answer");
	/* Whoever may not see the results is told before anything is submitted. */
	if (status == CTL_OK && args_has(ctl->args, OPT_WAIT))
		status = ctl_open_audit(ctl);
	if (status == CTL_OK && args_has(ctl->args, OPT_URL))
		status = ctl_open_secrets(ctl);
	return status;
}

int cmd_create(struct ctl *ctl)
{
	AUTO(rows)
	struct rows rows = {.action = "create"}, defaults = {.action = "create"};
	struct reader_batch batch, *limits = NULL;
	int status = submit_defaults(ctl, false, &defaults);

	if (status == CTL_OK)
		status = read_batch(ctl, &defaults.rows[0], &batch);
	if (status == CTL_OK && (batch.release_first || batch.max_failures))
		limits = &batch;
	if (status == CTL_OK)
		status = check_options(ctl);
	if (status == CTL_OK)
		status = read_rows(ctl, &rows);
	if (status == CTL_OK)
		status = submit_complete(ctl, &rows, &defaults);
	if (status == CTL_OK)
		status = check_batch(&rows, limits);
	if (status == CTL_OK && args_has(ctl->args, OPT_DRY_RUN))
		return submit_look(ctl, &rows, limits);
	if (status == CTL_OK)
		status = submit_rows(ctl, &rows, limits);
	return status ? status : submit_finish(ctl, &rows, NULL);
}
