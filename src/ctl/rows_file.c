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
#define ROWS_MAX   1000000
#define FAULTS_MAX 20

/* A file while its rows are being read. */
struct source {
	const char *name; /* for messages */
	const char *text;
	size_t len;
	struct rows *rows;
	size_t n_faults;
	size_t n_bad; /* lines with faults */
	int64_t last_bad;
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
	source->n_bad += line != source->last_bad;
	source->last_bad = line;
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

/* Names each column that is wrong; a file of one endless line is not looked at for long.
 */
static void check_header(struct source *source, const struct csv *csv)
{
	struct error err = ERROR_NULL;
	bool has_id = false;

	for (size_t i = 0; i < csv->n_cells && source->n_faults <= FAULTS_MAX; i++) {
		const char *name = buf_str(&csv->cells[i]);
		bool twice = false;

		for (size_t j = 0; j < i && !twice; j++)
			twice = !strcmp(name, buf_str(&csv->cells[j]));
		has_id = has_id || !strcmp(name, rows_id_column(source->rows));
		if (twice)
			(void)error_set(
				&err, "the column %.100s stands there twice", name);
		if (twice || rows_check_column(source->rows, name, &err) < 0)
			fault(source, csv->line, &err);
	}
	if (has_id || source->n_faults > FAULTS_MAX)
		return;
	(void)error_set(
		&err, "the header has no column %s", rows_id_column(source->rows));
	fault(source, csv->line, &err);
}

static int read_header(struct source *source, struct csv *csv, struct header *header)
{
	struct error err = ERROR_NULL;
	int rc = csv_next(csv, &err);

	if (rc == CSV_E_END)
		return ctl_fail(
			CTL_USAGE, "%s: is empty; a CSV header is wanted", source->name);
	if (rc < 0)
		fault(source, csv->line, &err);
	else
		check_header(source, csv);
	if (source->n_faults)
		return ctl_fail(CTL_USAGE,
			"%s: the header does not hold; nothing was submitted",
			source->name);
	header->names = xcalloc(csv->n_cells, sizeof(*header->names));
	for (; header->n < csv->n_cells; header->n++)
		header->names[header->n] = xstrdup(buf_str(&csv->cells[header->n]));
	return CTL_OK;
}

/* A row that lacks something; one whose cells are wrong was named for that. */
static void check_row(struct source *source, const struct row *row)
{
	struct error err = ERROR_NULL;

	if (row->line != source->last_bad && rows_check(source->rows, row, &err) < 0)
		fault(source, row->line, &err);
}

/* Fails where there are more rows than one file may have. */
static int check_room(const struct source *source)
{
	if (source->rows->n < ROWS_MAX)
		return CTL_OK;
	return ctl_fail(CTL_USAGE,
		"%s: more than %d rows: split it; nothing was submitted", source->name,
		ROWS_MAX);
}

static void take_record(
	struct source *source, const struct csv *csv, const struct header *header)
{
	struct row *row = rows_add(source->rows, csv->line);
	struct error err = ERROR_NULL;

	if (csv->n_cells != header->n) {
		(void)error_set(&err, "%zu cells, but the header has %zu", csv->n_cells,
			header->n);
		fault(source, csv->line, &err);
		return;
	}
	for (size_t i = 0; i < header->n; i++)
		if (rows_set(source->rows, row, header->names[i], buf_str(&csv->cells[i]),
			    &err) < 0)
			fault(source, csv->line, &err);
	check_row(source, row);
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
	while (status == CTL_OK && (rc = csv_next(&csv, &err)) != CSV_E_END) {
		if (rc < 0) {
			fault(source, csv.line, &err);
			continue;
		}
		status = check_room(source);
		if (status == CTL_OK)
			take_record(source, &csv, &header);
	}
	return status;
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
	if (rows_check_column(rows, name, err) < 0)
		return -1;
	if (!json_is_integer(value) || rows_is_id(rows, name))
		return error_set(err, "%.100s: a text%s is wanted", name,
			rows_is_id(rows, name) ? "" : " or a whole number");
	(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		json_integer_value(value));
	return rows_set(rows, row, name, number, err);
}

static void take_line(struct source *source, const char *line, size_t len, int64_t number)
{
	struct error err = ERROR_NULL;
	json_error_t why;
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	struct row *row = rows_add(source->rows, number);
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		(void)error_set(&err, "%s",
			object ? "a JSON object is wanted on each line" : why.text);
		fault(source, number, &err);
	} else {
		json_object_foreach(object, name, value)
		{
			if (set_value(source->rows, row, name, value, &err) < 0)
				fault(source, number, &err);
		}
		check_row(source, row);
	}
	json_decref(object);
}

static int read_json(struct source *source)
{
	int64_t number = 1;
	int status = CTL_OK;

	for (size_t at = 0; status == CTL_OK && at < source->len; number++) {
		const char *line = source->text + at;
		const char *end = memchr(line, '\n', source->len - at);
		size_t len = end ? (size_t)(end - line) : source->len - at;

		at += len + 1;
		while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (len)
			status = check_room(source);
		if (len && status == CTL_OK)
			take_line(source, line, len, number);
	}
	return status;
}

static int judge(const struct source *source)
{
	if (source->n_faults > FAULTS_MAX)
		ctl_say("… and %zu more", source->n_faults - FAULTS_MAX);
	if (source->n_bad)
		return ctl_fail(CTL_USAGE, "%s: %zu bad row%s; nothing was submitted",
			source->name, source->n_bad, source->n_bad == 1 ? "" : "s");
	if (source->rows->n == 0)
		return ctl_fail(CTL_USAGE, "%s: there is no row in it", source->name);
	return CTL_OK;
}

/* A byte order mark is not part of the text. */
static void skip_mark(struct source *source)
{
	if (source->len >= 3 && !memcmp(source->text, "\xef\xbb\xbf", 3)) {
		source->text += 3;
		source->len -= 3;
	}
}

int rows_file_read(const char *path, struct rows *rows)
{
	bool is_stdin = !strcmp(path, "-");
	AUTO(fd) int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	AUTO(buf) struct buf text = BUF_NULL;
	struct source source = {.name = is_stdin ? "standard input" : path, .rows = rows};
	struct error err = ERROR_NULL;
	int status;
	char first;

	if (fd < 0)
		return ctl_fail(errno == EACCES ? CTL_PERMISSION : CTL_MISSING, "%s: %s",
			path, strerror(errno));
	if (slurp(fd, &text, &err) < 0)
		return ctl_fail(CTL_NO, "%s %s", source.name, err.text);
	rows->source = source.name;
	source.text = buf_str(&text);
	source.len = text.len;
	skip_mark(&source);
	first = source.text[strspn(source.text, " \t\r\n")];
	if (first == '[')
		return ctl_fail(CTL_USAGE,
			"%s: one JSON object a line is wanted, not an array (jq -c '.[]' "
			"makes it so)",
			source.name);
	status = first == '{' ? read_json(&source) : read_csv(&source);
	return status ? status : judge(&source);
}
