#include "base/log.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Standard error goes to a file of its own while a test runs. */
struct capture {
	FILE *file;
	int saved;
	char text[2048];
};

static struct capture capture;

static int begin(void **state)
{
	(void)state;
	(void)unsetenv("JOURNAL_STREAM");
	log_init();
	log_set_level(LOG_LEVEL_INFO);
	(void)fflush(stderr);
	capture.file = tmpfile();
	capture.saved = dup(STDERR_FILENO);
	return capture.file && capture.saved >= 0 &&
			       dup2(fileno(capture.file), STDERR_FILENO) >= 0
		       ? 0
		       : -1;
}

/* What was written so far. */
static const char *seen(void)
{
	ssize_t n;

	(void)fflush(stderr);
	n = pread(fileno(capture.file), capture.text, sizeof(capture.text) - 1, 0);
	capture.text[n < 0 ? 0 : n] = '\0';
	return capture.text;
}

static int end(void **state)
{
	(void)state;
	(void)fflush(stderr);
	(void)dup2(capture.saved, STDERR_FILENO);
	(void)close(capture.saved);
	(void)fclose(capture.file);
	return 0;
}

static void words(void **state)
{
	(void)state;
	assert_int_equal(log_level_parse("error"), LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("warning"), LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse("info"), LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("Info"), -1);
	assert_int_equal(log_level_parse(""), -1);
}

static void lines(void **state)
{
	(void)state;
	log_error("a %d", 1);
	log_warning("b");
	log_info("c");
	log_debug("not at this level");
	assert_string_equal(seen(), "error: a 1\nwarning: b\ninfo: c\n");
}

static void levels(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("no");
	log_error("yes");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("yes too");
	assert_string_equal(seen(), "error: yes\ndebug: yes too\n");
}

static void fields(void **state)
{
	const struct log_fields job = {
		.job_id = 42, .sign_in_token_id = "sit_1", .trace_id = "t"};
	const struct log_fields no_job = {.trace_id = "t"};

	(void)state;
	log_line(LOG_LEVEL_INFO, &job, "sent");
	log_line(LOG_LEVEL_INFO, &no_job, "sent");
	assert_string_equal(seen(), "info: job 42: sent\ninfo: sent\n");
}

/* What came from outside can neither begin a line of its own nor steer a terminal. */
static void control_characters(void **state)
{
	(void)state;
	log_info("a%sb", "\n<0>error: forged\r\x1b[2J\x7f");
	log_info("%s", "\xc2\x9b"
		       "2J \xc2\xa0 \xc3\xbc");
	assert_string_equal(seen(), "info: a?<0>error: forged??[2J?b\n"
				    "info: ??2J \xc2\xa0 \xc3\xbc\n");
}

static void journal_stream_of_somebody_else(void **state)
{
	static const char *const streams[] = {"", "garbage", "1", "1:2", "0:0", ":"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		(void)setenv("JOURNAL_STREAM", streams[i], 1);
		log_init();
		log_info("%zu", i);
	}
	assert_string_equal(
		seen(), "info: 0\ninfo: 1\ninfo: 2\ninfo: 3\ninfo: 4\ninfo: 5\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test_setup_teardown(lines, begin, end),
		cmocka_unit_test_setup_teardown(levels, begin, end),
		cmocka_unit_test_setup_teardown(fields, begin, end),
		cmocka_unit_test_setup_teardown(control_characters, begin, end),
		cmocka_unit_test_setup_teardown(
			journal_stream_of_somebody_else, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
