/* Rows as a table, as JSON, as CSV, with what hostile people put into them. */
#include "base/mem.h"
#include "ctl/out.h"
#include "ctl/text.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct record {
	int64_t id;
	const char *name;
	const char *detail;
};

static const struct out_column columns[] = {
	{"id", OUT_INT, offsetof(struct record, id)},
	{"name", OUT_TEXT, offsetof(struct record, name)},
	{"detail", OUT_DOC, offsetof(struct record, detail)},
};

static const struct out_list list = {columns, ARRAY_LEN(columns), NULL};

/* What was printed, read back from the file it went to. */
static const char *printed(int fd)
{
	static char text[1 << 20];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(fd);
	return text;
}

/* Prints the n records and returns what came out. */
static const char *print(
	enum out_format format, bool terminal, const struct record *records, size_t n)
{
	int fd = memfd_create("out", MFD_CLOEXEC);
	struct error err = ERROR_NULL;
	struct out out;

	assert_true(fd >= 0);
	out_init(&out, fd, format, terminal);
	out_list_begin(&out, &list);
	for (size_t i = 0; i < n; i++)
		out_row(&out, &records[i]);
	out_list_end(&out);
	assert_int_equal(out_close(&out, &err), 0);
	return printed(fd);
}

static const struct record plain[] = {
	{1, "ana", "{\"a\": 1}"},
	{OUT_NONE, NULL, NULL},
	{12345, "Zoë 日本", NULL},
};

static void tables(void **state)
{
	(void)state;
	assert_string_equal(print(OUT_TABLE, false, plain, 3),
		"   id  name      detail\n"
		"    1  ana       {\"a\": 1}\n"
		"    -  -         -\n"
		"12345  Zoë 日本  -\n");
	assert_string_equal(print(OUT_TABLE, false, plain, 0), "");
}

static void json(void **state)
{
	(void)state;
	assert_string_equal(print(OUT_JSON, false, plain, 3),
		"[\n{\"id\": 1, \"name\": \"ana\", \"detail\": {\"a\": 1}},\n"
		"{\"id\": null, \"name\": null, \"detail\": null},\n"
		"{\"id\": 12345, \"name\": \"Zoë 日本\", \"detail\": null}\n]\n");
	assert_string_equal(print(OUT_JSON, false, plain, 0), "[]\n");
}

static void csv(void **state)
{
	(void)state;
	assert_string_equal(print(OUT_CSV, false, plain, 3),
		"id,name,detail\r\n1,ana,\"{\"\"a\"\": "
		"1}\"\r\n,,\r\n12345,Zoë 日本,\r\n");
	assert_string_equal(print(OUT_CSV, false, plain, 0), "id,name,detail\r\n");
}

/* Escapes, bidirectional overrides, bad UTF-8, formulas, quotes, line breaks. */
static const char *const hostile[] = {
	"\x1b[2J\x1b]0;owned\x07",
	"abc\xe2\x80\xaegpj.exe",
	"\xff\xfe\xc0\xaf",
	"=cmd|' /C calc'!A0",
	"+1",
	"-2",
	"@SUM(A1)",
	"  =1",
	"a,b",
	"say \"hi\"",
	"two\nlines\tand a tab\rand a return",
	"",
	"\302\23331m", /* octal, which ends after three digits: U+009B */
	"\xf3\xa0\x81\x81tag",
	"back\\slash",
};

static void hostile_table(void **state)
{
	static const char *const want[] = {
		"\\x1b[2J\\x1b]0;owned\\x07",
		"abc\\u202egpj.exe",
		"\\xff\\xfe\\xc0\\xaf",
		"=cmd|' /C calc'!A0",
		"+1",
		"-2",
		"@SUM(A1)",
		"  =1",
		"a,b",
		"say \"hi\"",
		"two\\nlines\\tand a tab\\rand a return",
		"",
		"\\x9b31m",
		"\\U000e0041tag",
		"back\\slash",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		AUTO(buf) struct buf shown = BUF_NULL;

		text_escape(&shown, hostile[i], strlen(hostile[i]));
		assert_string_equal(buf_str(&shown), want[i]);
	}
}

static void hostile_csv(void **state)
{
	static const char *const want[] = {
		"\\x1b[2J\\x1b]0;owned\\x07",
		"abc\\u202egpj.exe",
		"\\xff\\xfe\\xc0\\xaf",
		"'=cmd|' /C calc'!A0",
		"'+1",
		"'-2",
		"'@SUM(A1)",
		"'  =1",
		"\"a,b\"",
		"\"say \"\"hi\"\"\"",
		"\"two\nlines\tand a tab\\rand a return\"",
		"\"\"",
		"\\x9b31m",
		"\\U000e0041tag",
		"back\\slash",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		const struct record record = {OUT_NONE, hostile[i], NULL};
		AUTO(free_ptr)
		char *line = xasprintf("id,name,detail\r\n,%s,\r\n", want[i]);

		assert_string_equal(print(OUT_CSV, false, &record, 1), line);
	}
}

/* What is UTF-8 comes back as it was; no byte on the way does anything to a terminal. */
static void hostile_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		const struct record record = {1, hostile[i], hostile[i]};
		const char *text = print(OUT_JSON, false, &record, 1);
		json_error_t fault;
		json_t *root = json_loads(text, 0, &fault);
		const char *name;

		assert_non_null(root);
		for (const char *at = text; *at; at++)
			assert_true((unsigned char)*at >= ' ' || *at == '\n');
		assert_null(strstr(text, "\xe2\x80\xae"));
		name = json_string_value(
			json_object_get(json_array_get(root, 0), "name"));
		if (i != 2) /* the bytes that are no UTF-8 */
			assert_string_equal(name, hostile[i]);
		json_decref(root);
	}
}

static void long_cells_are_cut_on_a_terminal_alone(void **state)
{
	const struct record record = {1,
		"0123456789012345678901234567890123456789012345678901234567890123456789",
		NULL};

	(void)state;
	assert_non_null(strstr(print(OUT_TABLE, true, &record, 1),
		" 01234567890123456789012345678901234567890123456…  "));
	assert_non_null(strstr(print(OUT_TABLE, false, &record, 1), record.name));
	assert_non_null(strstr(print(OUT_CSV, true, &record, 1), record.name));
}

static void widths(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc", 3), 3);
	assert_int_equal(text_width("日本", 6), 4);
	assert_int_equal(text_width("e\xcc\x81", 3), 1);
	assert_int_equal(text_width("\xf0\x9f\x98\x80", 4), 2);
	assert_int_equal(text_fit("日本", 6, 3), 3);
	assert_int_equal(text_fit("abc", 3, 9), 3);
}

static void objects(void **state)
{
	int fd = memfd_create("out", MFD_CLOEXEC);
	struct error err = ERROR_NULL;
	struct out out;

	(void)state;
	out_init(&out, fd, OUT_JSON, false);
	out_object_begin(&out, &list, &plain[0]);
	out_object_list(&out, "rows", &list);
	out_row(&out, &plain[1]);
	out_list_end(&out);
	out_object_end(&out);
	assert_int_equal(out_close(&out, &err), 0);
	assert_string_equal(printed(fd),
		"{\"id\": 1, \"name\": \"ana\", \"detail\": {\"a\": 1},\n\"rows\": [\n"
		"{\"id\": null, \"name\": null, \"detail\": null}\n]\n}\n");
	fd = memfd_create("out", MFD_CLOEXEC);
	out_init(&out, fd, OUT_TABLE, false);
	out_object_begin(&out, &list, &plain[2]);
	out_object_list(&out, "rows", &list);
	out_row(&out, &plain[0]);
	out_list_end(&out);
	out_object_end(&out);
	assert_int_equal(out_close(&out, &err), 0);
	assert_string_equal(printed(fd), "id    12345\nname  Zoë 日本\n\n"
					 "id  name  detail\n 1  ana   {\"a\": 1}\n");
}

/* More rows than are looked at for the widths. */
static void a_long_table_streams(void **state)
{
	static struct record many[2500];
	const char *text;
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct record){(int64_t)i, "x", NULL};
	text = print(OUT_TABLE, false, many, ARRAY_LEN(many));
	for (; *text; text++)
		lines += *text == '\n';
	assert_int_equal(lines, 2501);
}

static void a_full_disk_is_told(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct error err = ERROR_NULL;
	struct out out;

	(void)state;
	out_init(&out, fd, OUT_TABLE, false);
	out_printf(&out, "text\n");
	out_flush(&out);
	assert_true(out_broken(&out));
	assert_int_equal(out_close(&out, &err), -1);
	assert_string_equal(err.text, "standard output: No space left on device");
	(void)close(fd);
}

/* What was not read to its end is no success; there is nobody to tell why. */
static void a_reader_that_left(void **state)
{
	struct error err = ERROR_NULL;
	struct out out;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	(void)close(fds[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	out_init(&out, fds[1], OUT_TABLE, false);
	out_printf(&out, "text\n");
	out_flush(&out);
	assert_true(out_broken(&out));
	assert_int_equal(out_close(&out, &err), -1);
	assert_string_equal(err.text, "");
	assert_int_equal(out_close(&out, &err), 0);
	(void)close(fds[1]);
}

/* A column of what somebody stated, in each format. */
static void what_was_stated(void **state)
{
	static const struct out_column stated[] = {
		{"id", OUT_INT, offsetof(struct record, id)},
		{"requested_by", OUT_STATED, offsetof(struct record, name)},
	};
	static const struct out_list stated_list = {stated, ARRAY_LEN(stated), NULL};
	static const char *const want[] = {
		[OUT_TABLE] = "id  requested by (as stated)\n 1  ana\n",
		[OUT_JSON] = "[\n{\"id\": 1, \"requested_by\": \"ana\"}\n]\n",
		[OUT_CSV] = "id,requested by (as stated)\r\n1,ana\r\n",
	};
	const struct record record = {1, "ana", NULL};

	(void)state;
	for (int format = 0; format < (int)ARRAY_LEN(want); format++) {
		int fd = memfd_create("out", MFD_CLOEXEC);
		struct error err = ERROR_NULL;
		struct out out;

		out_init(&out, fd, (enum out_format)format, false);
		out_list_begin(&out, &stated_list);
		out_row(&out, &record);
		out_list_end(&out);
		assert_int_equal(out_close(&out, &err), 0);
		assert_string_equal(printed(fd), want[format]);
	}
}

/* A record inside an object is there in JSON alone. */
static void a_record_inside(void **state)
{
	const struct record record = {1, "a\"b\\c\td", NULL};

	(void)state;
	for (int format = 0; format <= OUT_CSV; format++) {
		int fd = memfd_create("out", MFD_CLOEXEC);
		struct error err = ERROR_NULL;
		const char *text;
		struct out out;

		out_init(&out, fd, (enum out_format)format, false);
		out_object_begin(&out, &list, &record);
		out_object_record(&out, "inner", &list, &record);
		out_object_end(&out);
		assert_int_equal(out_close(&out, &err), 0);
		text = printed(fd);
		if (format != OUT_JSON)
			assert_null(strstr(text, "inner"));
		else
			assert_string_equal(text,
				"{\"id\": 1, \"name\": \"a\\\"b\\\\c\\u0009d\", "
				"\"detail\": null,\n\"inner\": {\"id\": 1, "
				"\"name\": \"a\\\"b\\\\c\\u0009d\", "
				"\"detail\": null}\n}\n");
	}
}

static void where_writing_failed_is_named(void **state)
{
	struct error err = ERROR_NULL;
	struct out out;

	(void)state;
	out_init(&out, -1, OUT_TABLE, false);
	out.name = "a file";
	out_printf(&out, "x");
	assert_true(out_close(&out, &err) < 0);
	assert_string_equal(err.text, "a file: Bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_stated),
		cmocka_unit_test(a_record_inside),
		cmocka_unit_test(where_writing_failed_is_named),
		cmocka_unit_test(tables),
		cmocka_unit_test(json),
		cmocka_unit_test(csv),
		cmocka_unit_test(hostile_table),
		cmocka_unit_test(hostile_csv),
		cmocka_unit_test(hostile_json),
		cmocka_unit_test(long_cells_are_cut_on_a_terminal_alone),
		cmocka_unit_test(widths),
		cmocka_unit_test(objects),
		cmocka_unit_test(a_long_table_streams),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(a_reader_that_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
