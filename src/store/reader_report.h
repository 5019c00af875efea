/*
 * The reports: the rows of the views report_* for a period, as structs made of
 * report.def, and what they rest upon.
 */
#pragma once

#include "base/error.h"
#include "store/chain.h"
#include "store/reader.h"

#include <stdint.h>

enum reader_report {
#define READER_REPORT(id, name) READER_REPORT_##id,
#include "store/report.def"
	READER_REPORT__MAX
};

#define REPORT_FIELD_INT(name)    int64_t name;
#define REPORT_FIELD_STATED(name) char *name;
#define REPORT_FIELD_TEXT(name)   char *name;
#define REPORT_FIELD(kind, name)  REPORT_FIELD_##kind(name)

/* An int64_t is READER_NONE, a char * NULL where the column is NULL. */
struct report_summary {
#define REPORT_SUMMARY REPORT_FIELD
#include "store/report.def"
};

struct report_daily {
#define REPORT_DAILY REPORT_FIELD
#include "store/report.def"
};

struct report_batches {
#define REPORT_BATCHES REPORT_FIELD
#include "store/report.def"
};

struct report_users {
#define REPORT_USERS REPORT_FIELD
#include "store/report.def"
};

struct report_requesters {
#define REPORT_REQUESTERS REPORT_FIELD
#include "store/report.def"
};

struct report_tokens {
#define REPORT_TOKENS REPORT_FIELD
#include "store/report.def"
};

struct report_failures {
#define REPORT_FAILURES REPORT_FIELD
#include "store/report.def"
};

struct report_unknown {
#define REPORT_UNKNOWN REPORT_FIELD
#include "store/report.def"
};

struct report_outstanding {
#define REPORT_OUTSTANDING REPORT_FIELD
#include "store/report.def"
};

struct report_buckets {
#define REPORT_BUCKETS REPORT_FIELD
#include "store/report.def"
};

struct report_latency {
#define REPORT_LATENCY REPORT_FIELD
#include "store/report.def"
};

#undef REPORT_FIELD
#undef REPORT_FIELD_INT
#undef REPORT_FIELD_TEXT
#undef REPORT_FIELD_STATED

/* What a report rests upon, of the moment at which it was begun. */
struct reader_evidence {
	int64_t seq_from, seq_to; /* the rows of the audit in the period; 0 = none */
	int64_t head_seq;         /* the newest row; 0 = none yet */
	char head_hash[CHAIN_HEX_LEN];
};

/* Which report, of which period, and who gets its rows. Times are UTC text as in the
 * tables, since included and until not; NULL = open. Borrowed. */
struct reader_report_ask {
	enum reader_report report;
	const char *since;
	const char *until;
	/* Lends a struct report_<name>, outside of any transaction, until it returns
	 * something else than 0: above 0 ends the walk well, below 0 fails it. */
	int (*fn)(void *userdata, const void *row, struct error *err);
	void *userdata;
};

/* Reads it: those of tokens a page at a time, all others in one piece. *ret_evidence is
 * there before the first row is lent. 0 or < 0. */
int reader_report(struct reader *reader, const struct reader_report_ask *ask,
	struct reader_evidence *ret_evidence, struct error *err);
