/* Texts that are cut to fit. */
#include "base/error.h"
#include "base/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_fits_stays(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(fit_printf(text, sizeof(text), "%s", ""), 0);
	assert_string_equal(text, "");
	assert_int_equal(fit_printf(text, sizeof(text), "%d-%s", 12, "abcd"), 7);
	assert_string_equal(text, "12-abcd");
	assert_int_equal(fit_printf(text, sizeof(text), "%s", "aü€x"), 7);
	assert_string_equal(text, "aü€x");
}

/* Every size, over characters of each length: what stands is a whole beginning and "…".
 */
static void cut_between_characters(void **state)
{
	static const char *const cut[] = {"", "", "", "…", "a…", "a…", "aü…", "aü…",
		"aü…", "aü€…", "aü€…", "aü€…", "aü€…", "aü€😀bcdefg"};

	(void)state;
	for (size_t size = 1; size < 15; size++) {
		char text[32];
		size_t len;

		memset(text, 'x', sizeof(text));
		len = fit_printf(text, size, "%s", "aü€😀bcdefg");
		assert_int_equal(strlen(text), len);
		if (size < 14)
			assert_string_equal(text, cut[size - 1]);
		assert_true(strlen(text) < size);
		assert_int_equal(text[size], 'x');
	}
}

/* Bytes that are no UTF-8 lead to nothing outside of the text. */
static void cut_of_what_is_no_utf8(void **state)
{
	char text[8] = "";

	(void)state;
	assert_int_equal(fit_printf(text, sizeof(text), "%s",
				 "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"),
		3);
	assert_string_equal(text, "…");
}

/* What errors say is cut in the same way, in front and behind. */
static void errors_are_cut_so(void **state)
{
	struct error err = ERROR_NULL;
	char many[1201];

	(void)state;
	for (size_t i = 0; i < 600; i++)
		memcpy(many + 2 * i, "ü", 2);
	many[1200] = '\0';
	assert_int_equal(error_set(&err, "%s", many), -1);
	assert_int_equal(strlen(err.text), 599);
	assert_string_equal(err.text + 590, "üüü…");
	assert_int_equal(error_prefix(&err, "a"), -1);
	assert_string_equal(err.text + 589, "üüü…");
	assert_int_equal(error_errno(&err, 2, "%s", many), -1);
	assert_string_equal(err.text + 590, "üüü…");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_stays),
		cmocka_unit_test(cut_between_characters),
		cmocka_unit_test(cut_of_what_is_no_utf8),
		cmocka_unit_test(errors_are_cut_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
