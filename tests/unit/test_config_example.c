/* etc/clerk-tokend.conf is what the table prints, and means every default; the manual
 * page holds each key as the table prints it. */
#include "base/config.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXAMPLE SOURCE_DIR "/etc/clerk-tokend.conf"
#define MANUAL  SOURCE_DIR "/doc/clerk-tokend.conf.5"

static void read_file(const char *path, struct buf *ret_text)
{
	FILE *file = fopen(path, "re");
	int c;

	assert_non_null(file);
	while ((c = fgetc(file)) != EOF)
		buf_putc(ret_text, (char)c);
	(void)fclose(file);
}

/* Not inlined: gcc 12 would take the memory of the stream for the variable that holds it.
 */
static __attribute__((noinline)) char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void is_what_the_table_prints(void **state)
{
	AUTO(buf) struct buf file = BUF_NULL;
	AUTO(free_ptr) char *text = printed(config_print_example);

	(void)state;
	read_file(EXAMPLE, &file);
	assert_string_equal(buf_str(&file), text);
}

static void print_for_an_instance(FILE *out)
{
	config_print_example_for(out, "/var/lib/clerk-tokend-eu");
}

/* Nothing but the one line differs, and the file holds. */
static void an_instance_has_its_folder(void **state)
{
	AUTO(free_ptr) char *text = printed(config_print_example);
	AUTO(free_ptr) char *other = printed(print_for_an_instance);
	size_t place = (size_t)(strstr(other, "/var/lib/clerk-tokend-eu\";\n") - other);
	struct config *config;
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(strlen(other), strlen(text) + 3);
	assert_true(place < strlen(text));
	assert_memory_equal(text, other, place + 21);
	assert_string_equal(text + place + 21, other + place + 24);
	if (config_load_text("eu.conf", other, strlen(other), &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(config->state_directory, "/var/lib/clerk-tokend-eu");
	config_free(config);
}

static void means_every_default(void **state)
{
	struct config *example, *defaults;
	AUTO(free_ptr) char *example_json = NULL;
	AUTO(free_ptr) char *default_json = NULL;
	struct error err = ERROR_NULL;

	(void)state;
	if (config_load(EXAMPLE, &example, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config_load_text("x", "#\n", 2, &defaults, &err), 0);
	example_json = config_json(example);
	default_json = config_json(defaults);
	assert_string_equal(example_json, default_json);
	assert_null(config_needs_restart(example, defaults));
	config_free(example);
	config_free(defaults);
}

static void lines_are_short(void **state)
{
	AUTO(free_ptr) char *text = printed(config_print_example);
	size_t column = 0;

	(void)state;
	for (const char *c = text; *c; c++) {
		column = *c == '\n' ? 0 : *c == '\t' ? column + 8 : column + 1;
		assert_true(column <= 90);
	}
}

/* Each key is one item, and no line but .It begins a macro. */
static void manual_items(void **state)
{
	AUTO(free_ptr) char *text = printed(config_print_mdoc);
	int n_items = 0;

	(void)state;
	assert_ptr_equal(strstr(text, ".It Ic state_directory\n"), text);
	assert_non_null(
		strstr(text, ".It Ic rate.share\n"
			     "The part of rate.requests that the daemon uses; the "
			     "rest is left to the\napplication, which shares the "
			     "limit.\n"
			     "Allowed: a number from 0.01 to 1.\n"
			     "Default: 0.5.\n"
			     "A reload takes a new value.\n"));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		if (!strncmp(line, ".It Ic ", 7))
			n_items++;
		else
			assert_true(*line != '.' && *line != '\'');
	}
	assert_int_equal(n_items, 27);
}

/* The list of keys stands between two comments, and is nothing but what is printed. */
static void is_in_the_manual(void **state)
{
	static const char begin[] = ".\\\" The table of keys prints this list.\n"
				    ".Bl -tag -width Ds\n";
	static const char end[] = ".El\n.\\\" The end of that list.\n";
	AUTO(free_ptr) char *text = printed(config_print_mdoc);
	AUTO(buf) struct buf wanted = BUF_NULL;
	AUTO(buf) struct buf page = BUF_NULL;

	(void)state;
	read_file(MANUAL, &page);
	buf_printf(&wanted, "%s%s%s", begin, text, end);
	if (!strstr(buf_str(&page), buf_str(&wanted)))
		fail_msg("%s does not hold this:\n%s", MANUAL, buf_str(&wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_the_table_prints),
		cmocka_unit_test(an_instance_has_its_folder),
		cmocka_unit_test(means_every_default),
		cmocka_unit_test(lines_are_short),
		cmocka_unit_test(manual_items),
		cmocka_unit_test(is_in_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
