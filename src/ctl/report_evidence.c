/* What proves a report. */
#include "ctl/report.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct out_column columns[] = {
	{"since", OUT_TEXT, offsetof(struct report_evidence, since)},
	{"until", OUT_TEXT, offsetof(struct report_evidence, until)},
	{"seq_from", OUT_INT, offsetof(struct report_evidence, seq_from)},
	{"seq_to", OUT_INT, offsetof(struct report_evidence, seq_to)},
	{"head", OUT_TEXT, offsetof(struct report_evidence, head)},
	{"at", OUT_TEXT, offsetof(struct report_evidence, at)},
	{"version", OUT_TEXT, offsetof(struct report_evidence, version)},
};

const struct out_list report_list_evidence = {columns, ARRAY_LEN(columns), NULL};

void report_evidence_init(struct report_evidence *ret_evidence,
	const struct reader_evidence *read, const struct reader_report_ask *ask)
{
	char at[CLOCK_TEXT_LEN];

	clock_format(clock_now().wall_ms, at);
	*ret_evidence = (struct report_evidence){
		.since = (char *)(uintptr_t)ask->since,
		.until = (char *)(uintptr_t)ask->until,
		.seq_from = read->seq_from ? read->seq_from : OUT_NONE,
		.seq_to = read->seq_to ? read->seq_to : OUT_NONE,
		.at = xstrdup(at),
		.version = xstrdup("clerk-tokenctl " PROJECT_VERSION),
	};
	if (read->head_seq)
		ret_evidence->head =
			xasprintf("%" PRId64 ":%s", read->head_seq, read->head_hash);
}

void report_evidence_deinit(struct report_evidence *evidence)
{
	free(evidence->head);
	free(evidence->at);
	free(evidence->version);
	*evidence = (struct report_evidence){0};
}

char *report_evidence_period(const struct report_evidence *evidence)
{
	if (evidence->since && evidence->until)
		return xasprintf(
			"from %s to before %s UTC", evidence->since, evidence->until);
	if (evidence->since)
		return xasprintf("from %s UTC on", evidence->since);
	if (evidence->until)
		return xasprintf("before %s UTC", evidence->until);
	return xstrdup("all time");
}

char *report_evidence_line(const struct report_evidence *evidence)
{
	AUTO(free_ptr) char *of = report_evidence_period(evidence);
	AUTO(free_ptr) char *rows = NULL;
	struct buf head = BUF_NULL; /* what the file says it is */
	char *line;

	if (evidence->seq_from == OUT_NONE)
		rows = xstrdup("no row of the audit");
	else
		rows = xasprintf("rows %" PRId64 " to %" PRId64 " of the audit",
			evidence->seq_from, evidence->seq_to);
	if (evidence->head)
		text_escape(&head, evidence->head, strlen(evidence->head));
	line = xasprintf("evidence: %s; %s; head %s; read at %s UTC by %s", of, rows,
		evidence->head ? buf_str(&head) : "none", evidence->at,
		evidence->version);
	buf_deinit(&head);
	return line;
}
