/* The reports of report.def, what proves them, and the file that one is written to. */
#pragma once

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/out.h"
#include "store/reader_report.h"

#define REPORT_DAYS 1u /* counts whole days */
#define REPORT_LIFE 2u /* is read a page at a time, while its rows may change */

struct report {
	const char *name;
	enum reader_report source;
	unsigned flags;
	const char *rows; /* what they are called */
	struct out_list list;
};

extern const struct report report_table[];
extern const int report_n;

/* Of report outstanding: its tokens counted. */
extern const struct out_list report_list_buckets; /* struct report_buckets */

/* The report of that name, NULL where there is none; *ret_near is then what may be meant,
 * or NULL. */
const struct report *report_find(const char *name, const char **ret_near);

/* ---- evidence ---- */

/* What stands at a report's end. */
struct report_evidence {
	char *since; /* borrowed; NULL = open */
	char *until;
	int64_t seq_from; /* OUT_NONE where there is none */
	int64_t seq_to;
	char *head; /* owned: SEQ:HASH, as verify --checkpoint takes it; NULL = no row yet
		     */
	char *at;   /* owned: when it was read */
	char *version; /* owned: by what */
};

extern const struct out_list report_list_evidence;

/* Makes it of what the reader says, for the period of ask. The caller
 * report_evidence_deinit()s it. */
void report_evidence_init(struct report_evidence *ret_evidence,
	const struct reader_evidence *read, const struct reader_report_ask *ask);

/* Frees. Idempotent. */
void report_evidence_deinit(struct report_evidence *evidence);

/* The period in words; all of it as a line. The caller frees the text. */
char *report_evidence_period(const struct report_evidence *evidence);
char *report_evidence_line(const struct report_evidence *evidence);

static inline void report_evidence_cleanup(struct report_evidence *evidence)
{
	report_evidence_deinit(evidence);
}

/* ---- the file ---- */

/* A file that replaces another one once it is whole. */
struct report_file {
	char *path;      /* owned; NULL = not open */
	char *temporary; /* owned: beside it */
	int fd;          /* owned */
};

#define REPORT_FILE_NULL                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Opens a temporary file beside path (mode 0640). 0 or < 0, with errno as it was. */
int report_file_open(const char *path, struct report_file *ret_file, struct error *err);

/* All of it was written: puts it in the place of path. 0 or < 0. */
int report_file_keep(struct report_file *file, struct error *err);

/* Closes; what was not kept is removed. Idempotent. */
void report_file_deinit(struct report_file *file);

static inline void report_file_cleanup(struct report_file *file)
{
	report_file_deinit(file);
}
