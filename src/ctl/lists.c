#include "ctl/lists.h"

#include "base/mem.h"
#include "store/reader.h"

#define COLUMN(type, kind, name) {#name, OUT_##kind, offsetof(struct type, name)},

static const struct out_column job_columns[] = {
#define READER_JOB(kind, name) COLUMN(reader_job, kind, name)
#include "store/reader.def"
};

static const struct out_column waiting_columns[] = {
#define READER_WAITING(kind, name) COLUMN(reader_waiting, kind, name)
#include "store/reader.def"
};

static const struct out_column token_columns[] = {
#define READER_TOKEN(kind, name) COLUMN(reader_token, kind, name)
#include "store/reader.def"
};

static const struct out_column event_columns[] = {
#define READER_EVENT(kind, name) COLUMN(reader_event, kind, name)
#include "store/reader.def"
};

/* NOLINTNEXTLINE(misc-redundant-expression): that it is, is what is wanted */
_Static_assert(OUT_NONE == READER_NONE, "an integer that is not there");

#define LIST(columns, shown)                                                             \
	{                                                                                \
		columns, ARRAY_LEN(columns), shown                                       \
	}

const struct out_list list_jobs = LIST(job_columns,
	"id action state result user_id sign_in_token_id batch attempts accepted_at "
	"requested_by");
const struct out_list list_job = LIST(job_columns, NULL);
const struct out_list list_results = LIST(job_columns,
	"id action state result user_id sign_in_token_id http_status error_code "
	"error_message");
const struct out_list list_waiting = LIST(waiting_columns, NULL);
const struct out_list list_tokens = LIST(token_columns,
	"id life user_id created_at expires_at create_job_id batch requested_by");
const struct out_list list_token = LIST(token_columns, NULL);
const struct out_list list_events = LIST(event_columns,
	"seq at event job_id attempt job_state user_id sign_in_token_id http_status "
	"error_code error_message requested_by");
const struct out_list list_history = LIST(event_columns,
	"seq at event attempt job_state effect http_status duration_ms next_attempt_at "
	"error_code error_message");
