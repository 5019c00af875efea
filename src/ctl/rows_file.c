#include "ctl/rows_file.h"

#include "base/buf.h"
#include "ctl/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define BYTES_MAX  ((size_t)1 << 30)
#define FAULTS_MAX 20

/* A file while its rows are being read. */
struct source {
	const char *name; /* for messages */
	const char *text;
	size_t len;
	struct rows *rows;
	size_t n_faults;
};

static void fd_cleanup(int *fd)
{
	if (*fd > STDIN_FILENO)
		(void)close(*fd);
}

static int slurp(int fd, struct buf *ret_text, struct error *err)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot be read");
		if (ret_text->len + (size_t)n > BYTES_MAX)
			return error_set(err, "is longer than 1 GiB: split it");
		buf_append(ret_text, chunk, (size_t)n);
	}
	return 0;
}

static void fault(struct source *source, int64_t line, const struct error *err)
{
	if (source->n_faults++ < FAULTS_MAX)
		ctl_say("%s:%" PRId64 ": %s", source->name, line, err->text);
}

/* ---- CSV ---- */

/* The header's cells, which outlive the record. */
struct header {
	char **names; /* owned */
	size_t n;
};

static void header_cleanup(struct header *header)
{
	for (size_t i = 0; i < header->n; i++)
		free_ptr_cleanup(&header->names[i]);
	free_ptr_cleanup(&header->names);
}

static int read_header(struct source *source, struct csv *csv, struct header *header)
{
	struct error err = ERROR_NULL;
	int rc = csv_next(csv, &err);

	if (rc == CSV_E_END)
		return ctl_fail(
			CTL_USAGE, "%s: is empty; a CSV header is wanted", source->name);
	for (size_t i = 0; rc == 0 && i < csv->n_cells; i++)
		rc = rows_check_column(source->rows, buf_str(&csv->cells[i]), &err);
	for (size_t i = 0; rc == 0 && i < csv->n_cells; i++)
		for (size_t j = 0; rc == 0 && j < i; j++)
			if (!strcmp(buf_str(&csv->cells[i]), buf_str(&csv->cells[j])))
				rc = error_set(&err, "the column %s stands there twice",
					buf_str(&csv->cells[i]));
	if (rc < 0)
		return ctl_fail(CTL_USAGE, "%s:%" PRId64 ": %s", source->name, csv->line,
			err.text);
	header->names = xcalloc(csv->n_cells, sizeof(*header->names));
	for (; header->n < csv->n_cells; header->n++)
		header->names[header->n] = xstrdup(buf_str(&csv->cells[header->n]));
	return CTL_OK;
}

static int take_record(struct source *source, const struct csv *csv,
	const struct header *header, struct error *err)
{
	struct row *row = rows_add(source->rows, csv->line);

	if (csv->n_cells != header->n)
		return error_set(err, "%zu cells, but the header has %zu", csv->n_cells,
			header->n);
	for (size_t i = 0; i < header->n; i++)
		if (rows_set(source->rows, row, header->names[i], buf_str(&csv->cells[i]),
			    err) < 0)
			return -1;
	return 0;
}

static int read_csv(struct source *source)
{
	AUTO(csv) struct csv csv;
	AUTO(header) struct header header = {0};
	struct error err = ERROR_NULL;
	int rc, status;

	csv_init(&csv, source->text, source->len);
	status = read_header(source, &csv, &header);
	if (status)
		return status;
	while ((rc = csv_next(&csv, &err)) != CSV_E_END) {
		if (rc == 0)
			rc = take_record(source, &csv, &header, &err);
		if (rc < 0)
			fault(source, csv.line, &err);
	}
	return CTL_OK;
}

/* ---- one JSON object a line ---- */

static int set_value(const struct rows *rows, struct row *row, const char *name,
	const json_t *value, struct error *err)
{
	char number[32];

	if (json_is_null(value))
		return rows_check_column(rows, name, err);
	if (json_is_string(value) &&
		!memchr(json_string_value(value), '\0', json_string_length(value)))
		return rows_set(rows, row, name, json_string_value(value), err);
	if (!json_is_integer(value))
		return error_set(err, "%.100s: a text or a whole number is wanted", name);
	(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		json_integer_value(value));
	return rows_set(rows, row, name, number, err);
}

static int take_line(struct source *source, const char *line, size_t len, int64_t number,
	struct error *err)
{
	json_error_t why;
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	struct row *row = rows_add(source->rows, number);
	const char *name;
	json_t *value;
	int rc = 0;

	if (!object)
		return error_set(err, "%s", why.text);
	if (!json_is_object(object))
		rc = error_set(err, "a JSON object is wanted on each line");
	json_object_foreach(object, name, value)
	{
		if (rc == 0)
			rc = set_value(source->rows, row, name, value, err);
	}
	json_decref(object);
	return rc;
}

static void read_json(struct source *source)
{
	struct error err = ERROR_NULL;
	int64_t number = 1;

	for (size_t at = 0; at < source->len; number++) {
		const char *line = source->text + at;
		const char *end = memchr(line, '\n', source->len - at);
		size_t len = end ? (size_t)(end - line) : source->len - at;

		at += len + 1;
		while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (len && take_line(source, line, len, number, &err) < 0)
			fault(source, number, &err);
	}
}

static int check_rows(struct source *source)
{
	struct error err = ERROR_NULL;

	for (size_t i = 0; source->n_faults == 0 && i < source->rows->n; i++)
		if (rows_check(source->rows, &source->rows->rows[i], &err) < 0)
			fault(source, source->rows->rows[i].line, &err);
	if (source->n_faults > FAULTS_MAX)
		ctl_say("… and %zu more", source->n_faults - FAULTS_MAX);
	if (source->n_faults)
		return ctl_fail(CTL_USAGE, "%s: %zu bad row%s; nothing was submitted",
			source->name, source->n_faults, source->n_faults == 1 ? "" : "s");
	if (source->rows->n == 0)
		return ctl_fail(CTL_USAGE, "%s: there is no row in it", source->name);
	return CTL_OK;
}

int rows_file_read(const char *path, struct rows *rows)
{
	bool is_stdin = !strcmp(path, "-");
	AUTO(fd) int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	AUTO(buf) struct buf text = BUF_NULL;
	struct source source = {.name = is_stdin ? "standard input" : path, .rows = rows};
	struct error err = ERROR_NULL;
	int status = CTL_OK;
	size_t first;

	if (fd < 0)
		return ctl_fail(errno == EACCES ? CTL_PERMISSION : CTL_MISSING, "%s: %s",
			path, strerror(errno));
	if (slurp(fd, &text, &err) < 0)
		return ctl_fail(CTL_NO, "%s %s", source.name, err.text);
	source.text = buf_str(&text);
	source.len = text.len;
	first = strspn(source.text, " \t\r\n");
	if (source.text[first] == '{')
		read_json(&source);
	else
		status = read_csv(&source);
	return status ? status : check_rows(&source);
}
