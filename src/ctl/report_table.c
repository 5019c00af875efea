/* The tables report.def of ctl and of store as C. */
#include "ctl/near.h"
#include "ctl/report.h"

#include <string.h>

#define COLUMN(type, kind, name) {#name, OUT_##kind, offsetof(struct type, name)},

static const struct out_column summary_columns[] = {
#define REPORT_SUMMARY(kind, name) COLUMN(report_summary, kind, name)
#include "store/report.def"
};

static const struct out_column daily_columns[] = {
#define REPORT_DAILY(kind, name) COLUMN(report_daily, kind, name)
#include "store/report.def"
};

static const struct out_column batches_columns[] = {
#define REPORT_BATCHES(kind, name) COLUMN(report_batches, kind, name)
#include "store/report.def"
};

static const struct out_column users_columns[] = {
#define REPORT_USERS(kind, name) COLUMN(report_users, kind, name)
#include "store/report.def"
};

static const struct out_column requesters_columns[] = {
#define REPORT_REQUESTERS(kind, name) COLUMN(report_requesters, kind, name)
#include "store/report.def"
};

static const struct out_column tokens_columns[] = {
#define REPORT_TOKENS(kind, name) COLUMN(report_tokens, kind, name)
#include "store/report.def"
};

static const struct out_column failures_columns[] = {
#define REPORT_FAILURES(kind, name) COLUMN(report_failures, kind, name)
#include "store/report.def"
};

static const struct out_column unknown_columns[] = {
#define REPORT_UNKNOWN(kind, name) COLUMN(report_unknown, kind, name)
#include "store/report.def"
};

static const struct out_column outstanding_columns[] = {
#define REPORT_OUTSTANDING(kind, name) COLUMN(report_outstanding, kind, name)
#include "store/report.def"
};

static const struct out_column buckets_columns[] = {
#define REPORT_BUCKETS(kind, name) COLUMN(report_buckets, kind, name)
#include "store/report.def"
};

static const struct out_column latency_columns[] = {
#define REPORT_LATENCY(kind, name) COLUMN(report_latency, kind, name)
#include "store/report.def"
};

const struct out_list report_list_buckets = {
	buckets_columns, ARRAY_LEN(buckets_columns), NULL};

const struct report report_table[] = {
#define DAYS REPORT_DAYS
#define LIFE REPORT_LIFE
#define REPORT(name, id, flags, rows, shown)                                             \
	{#name, READER_REPORT_##id, flags, rows,                                         \
		{name##_columns, ARRAY_LEN(name##_columns), shown}},
#include "ctl/report.def"
#undef REPORT
#undef LIFE
#undef DAYS
};

const int report_n = ARRAY_LEN(report_table);

const struct report *report_find(const char *name, const char **ret_near)
{
	struct near near = {.word = name};

	for (int i = 0; i < report_n; i++) {
		if (!strcmp(report_table[i].name, name))
			return &report_table[i];
		near_try(&near, report_table[i].name);
	}
	*ret_near = near.best;
	return NULL;
}
