#include "clerk/wipe.h"

#include "base/mem.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_free_takes_null(void **state)
{
	(void)state;
	wipe_free(NULL);
	wipe_free(malloc(1));
}

static void test_realloc_keeps_what_fits(void **state)
{
	char *memory = wipe_realloc(NULL, 8);

	(void)state;
	assert_non_null(memory);
	memcpy(memory, "1234567", 8);
	memory = wipe_realloc(memory, 4096);
	assert_non_null(memory);
	assert_string_equal(memory, "1234567");
	memory = wipe_realloc(memory, 4);
	assert_non_null(memory);
	assert_memory_equal(memory, "1234", 4);
	wipe_free(memory);
}

static void own_free(void *memory)
{
	free(memory);
}

static json_free_t installed(json_malloc_t expected)
{
	json_malloc_t allocate;
	json_free_t release;

	wipe_install_jansson();
	json_get_alloc_funcs(&allocate, &release);
	assert_ptr_equal(allocate, expected);
	return release;
}

static void test_jansson_wipes_unless_told_otherwise(void **state)
{
	(void)state;
	assert_ptr_equal(installed(xmalloc), wipe_free);
	assert_ptr_equal(installed(xmalloc), wipe_free);
	json_set_alloc_funcs(malloc, own_free);
	assert_ptr_equal(installed(malloc), own_free);
	json_set_alloc_funcs(malloc, free);
	assert_ptr_equal(installed(xmalloc), wipe_free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_takes_null),
		cmocka_unit_test(test_realloc_keeps_what_fits),
		cmocka_unit_test(test_jansson_wipes_unless_told_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
