#include "store/reader_row.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define FIELD(type, kind, name) {#name, READER_##kind, offsetof(struct type, name)},

static const struct reader_field job_fields[] = {
#define READER_JOB(kind, name) FIELD(reader_job, kind, name)
#include "store/reader.def"
};

static const struct reader_field token_fields[] = {
#define READER_TOKEN(kind, name) FIELD(reader_token, kind, name)
#include "store/reader.def"
};

static const struct reader_field event_fields[] = {
#define READER_EVENT(kind, name) FIELD(reader_event, kind, name)
#include "store/reader.def"
};

static const struct reader_field command_fields[] = {
#define READER_COMMAND(kind, name) FIELD(reader_command, kind, name)
#include "store/reader.def"
};

static const struct reader_field waiting_fields[] = {
#define READER_WAITING(kind, name) FIELD(reader_waiting, kind, name)
#include "store/reader.def"
};

static const struct reader_field heard_fields[] = {
#define READER_HEARD(kind, name) FIELD(reader_heard, kind, name)
#include "store/reader.def"
};

#define SHAPE(type, fields)                                                              \
	{                                                                                \
		fields, ARRAY_LEN(fields), sizeof(struct type)                           \
	}

const struct reader_shape reader_job_shape = SHAPE(reader_job, job_fields);
const struct reader_shape reader_token_shape = SHAPE(reader_token, token_fields);
const struct reader_shape reader_event_shape = SHAPE(reader_event, event_fields);
const struct reader_shape reader_command_shape = SHAPE(reader_command, command_fields);
const struct reader_shape reader_waiting_shape = SHAPE(reader_waiting, waiting_fields);
const struct reader_shape reader_heard_shape = SHAPE(reader_heard, heard_fields);

void reader_row_load(const struct reader_shape *shape, sqlite3_stmt *stmt, void *ret_row)
{
	assert(sqlite3_column_count(stmt) == shape->n);
	for (int i = 0; i < shape->n; i++) {
		void *slot = (char *)ret_row + shape->fields[i].offset;

		if (shape->fields[i].kind != READER_INT)
			*(char **)slot = sql_dup(stmt, i);
		else if (sqlite3_column_type(stmt, i) == SQLITE_NULL)
			*(int64_t *)slot = READER_NONE;
		else
			*(int64_t *)slot = sqlite3_column_int64(stmt, i);
	}
}

void reader_row_deinit(const struct reader_shape *shape, void *row)
{
	for (int i = 0; i < shape->n; i++) {
		void *slot = (char *)row + shape->fields[i].offset;

		if (shape->fields[i].kind == READER_INT) {
			*(int64_t *)slot = READER_NONE;
			continue;
		}
		free(*(char **)slot);
		*(char **)slot = NULL;
	}
}
