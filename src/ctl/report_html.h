/* The reports that can be HTML. */
#pragma once

#include "ctl/ctl.h"
#include "store/reader_report.h"

#include <stdbool.h>

/* What is reported, and where it goes. All borrowed. */
struct report_html {
	enum reader_report report;
	const char *since; /* UTC text as in the tables; NULL = open */
	const char *until;
	int64_t limit; /* rows of a table, 0 = all */
	struct out *out;
};

/* Whether the report can be HTML. */
bool report_html_can(enum reader_report report);

/* Writes the report as one HTML document, all of it as of one moment. Opens the audit.
 * Returns the exit status, having said why it is not 0. */
int report_html(struct ctl *ctl, const struct report_html *ask);
