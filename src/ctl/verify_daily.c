/* Replay: what the rows of the audit add up to, held against the roll-up `daily`. */
#include "ctl/verify.h"

#include <inttypes.h>
#include <string.h>

/* The day of a row. The last one first: rows come in order, but for a clock that stepped.
 */
static struct rollup *rollup_of(struct verify *verify, const char *day)
{
	struct verify_day *added;

	for (size_t i = verify->n_days; i-- > 0;)
		if (!strcmp(verify->days[i].day, day))
			return verify->days[i].rollup;
	verify->days =
		xrealloc(verify->days, (verify->n_days + 1) * sizeof(*verify->days));
	added = &verify->days[verify->n_days++];
	memcpy(added->day, day, sizeof(added->day));
	added->rollup = xcalloc(1, sizeof(*added->rollup));
	return added->rollup;
}

void verify_count(struct verify *verify, const struct reader_link *link)
{
	char day[ROLLUP_DAY_LEN] = {0};

	rollup_day(link->at, day);
	rollup_add(rollup_of(verify, day), &link->counted);
}

/* One day while its counts are compared. */
struct comparison {
	struct verify *verify;
	const char *day;
	int64_t n; /* counts, of all days */
};

static int compare(void *userdata, const struct rollup_count *count, struct error *err)
{
	struct comparison *comparison = userdata;
	struct verify *verify = comparison->verify;
	int64_t kept;

	if (reader_daily(verify->ctl->reader, comparison->day, count, &kept, err) < 0)
		return -1;
	comparison->n++;
	if (kept != count->n)
		verify_fault(verify,
			"daily %s: %s%s%s %s: the table says %" PRId64
			", the audit %" PRId64,
			comparison->day, count->action, *count->action ? " " : "",
			count->kind, count->word, kept, count->n);
	return 0;
}

static int is_it(void *userdata, const struct rollup_count *count, struct error *err)
{
	const struct reader_cells *cells = userdata;

	(void)err;
	return !strcmp(reader_cell_key(cells, "action"), count->action) &&
	       !strcmp(reader_cell_key(cells, "kind"), count->kind) &&
	       !strcmp(reader_cell_key(cells, "word"), count->word);
}

static int on_kept(void *userdata, const struct reader_cells *cells, struct error *err)
{
	struct verify *verify = userdata;
	const char *day = reader_cell_key(cells, "day"),
		   *action = reader_cell_key(cells, "action");

	for (size_t i = 0; i < verify->n_days; i++)
		if (!strcmp(verify->days[i].day, day) &&
			rollup_each(verify->days[i].rollup, is_it,
				(void *)(uintptr_t)cells, err))
			return 0;
	verify_fault(verify, "daily %s: %s%s%s %s: the table says %s, the audit nothing",
		day, action, *action ? " " : "", reader_cell_key(cells, "kind"),
		reader_cell_key(cells, "word"), reader_cell_key(cells, "n"));
	return 0;
}

int verify_daily(struct verify *verify, struct error *err)
{
	struct comparison comparison = {.verify = verify};
	int64_t kept;

	for (size_t i = 0; i < verify->n_days; i++) {
		comparison.day = verify->days[i].day;
		if (rollup_each(verify->days[i].rollup, compare, &comparison, err) < 0)
			return -1;
	}
	if (reader_daily_counts(verify->ctl->reader, &kept, err) < 0)
		return -1;
	/* More of them: those that the audit does not make. */
	if (kept != comparison.n && reader_replay_rows(verify->ctl->reader, READER_DAYS,
					    on_kept, verify, err) < 0)
		return -1;
	return 0;
}
