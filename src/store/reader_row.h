/* Rows as a reader gets them: structs made of reader.def, loaded and freed by their
 * shape. */
#pragma once

#include "base/error.h"
#include "store/sql.h"

#include <stddef.h>
#include <stdint.h>

#define READER_NONE INT64_MIN /* an integer that is NULL */

enum reader_kind { READER_INT, READER_TEXT, READER_DOC, READER_STATED };

#define READER_FIELD_INT(name)   int64_t name;
#define READER_FIELD_TEXT(name)  char *name;
#define READER_FIELD_DOC(name)   char *name;
#define READER_FIELD(kind, name) READER_FIELD_##kind(name)

/* An int64_t is READER_NONE, a char * NULL where the column is NULL; texts are owned. */
struct reader_job {
#define READER_JOB READER_FIELD
#include "store/reader.def"
};

struct reader_token {
#define READER_TOKEN READER_FIELD
#include "store/reader.def"
};

struct reader_event {
#define READER_EVENT READER_FIELD
#include "store/reader.def"
};

struct reader_command {
#define READER_COMMAND READER_FIELD
#include "store/reader.def"
};

struct reader_waiting {
#define READER_WAITING READER_FIELD
#include "store/reader.def"
};

struct reader_heard {
#define READER_HEARD READER_FIELD
#include "store/reader.def"
};

#undef READER_FIELD
#undef READER_FIELD_INT
#undef READER_FIELD_TEXT
#undef READER_FIELD_DOC

struct reader_field {
	const char *name;
	enum reader_kind kind;
	size_t offset;
};

struct reader_shape {
	const struct reader_field *fields;
	int n;
	size_t size; /* of the struct */
};

extern const struct reader_shape reader_job_shape, reader_token_shape, reader_event_shape,
	reader_command_shape, reader_waiting_shape, reader_heard_shape;

/* Reads the row that stands in stmt, whose columns are the shape's in order, into
 * *ret_row (reader_row_deinit() later). */
void reader_row_load(const struct reader_shape *shape, sqlite3_stmt *stmt, void *ret_row);

/* Frees the texts; every field is as NULL again. */
void reader_row_deinit(const struct reader_shape *shape, void *row);

static inline void reader_job_cleanup(struct reader_job *job)
{
	reader_row_deinit(&reader_job_shape, job);
}

static inline void reader_token_cleanup(struct reader_token *token)
{
	reader_row_deinit(&reader_token_shape, token);
}

static inline void reader_event_cleanup(struct reader_event *event)
{
	reader_row_deinit(&reader_event_shape, event);
}

static inline void reader_command_cleanup(struct reader_command *command)
{
	reader_row_deinit(&reader_command_shape, command);
}

static inline void reader_waiting_cleanup(struct reader_waiting *waiting)
{
	reader_row_deinit(&reader_waiting_shape, waiting);
}

static inline void reader_heard_cleanup(struct reader_heard *heard)
{
	reader_row_deinit(&reader_heard_shape, heard);
}
