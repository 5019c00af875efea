#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void none(void **state)
{
	struct secret secret = SECRET_NULL;

	(void)state;
	assert_string_equal(secret_print(&secret), "");
	assert_false(secret_occurs(&secret, "anything"));
	secret_deinit(&secret);
	secret_deinit(&secret);
}

static void held(void **state)
{
	char source[] = "hunter2 and more";
	struct secret secret = SECRET_NULL;

	(void)state;
	secret_init(&secret, source, 7);
	memset(source, 'x', sizeof(source) - 1);
	assert_string_equal(secret.text, "hunter2");
	assert_int_equal(secret.len, 7);
	assert_string_equal(secret_print(&secret), "[redacted]");
	secret_deinit(&secret);
	assert_null(secret.text);
	assert_int_equal(secret.len, 0);
}

static void moved(void **state)
{
	struct secret from = SECRET_NULL, to = SECRET_NULL;
	const char *text;

	(void)state;
	secret_init(&from, "hunter2", 7);
	text = from.text;
	secret_move(&from, &to);
	assert_null(from.text);
	assert_ptr_equal(to.text, text);
	assert_int_equal(to.len, 7);
	secret_deinit(&from);
	secret_deinit(&to);
}

/* FIPS 180-4's own examples. */
static void digest(void **state)
{
	struct secret secret = SECRET_NULL;
	char hex[65];

	(void)state;
	secret_init(&secret, "abc", 3);
	secret_sha256(&secret, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	secret_deinit(&secret);
	secret_init(&secret, "", 0);
	secret_sha256(&secret, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	secret_deinit(&secret);
}

static void occurs(void **state)
{
	struct secret secret = SECRET_NULL;

	(void)state;
	secret_init(&secret, "hunter2", 7);
	assert_true(secret_occurs(&secret, "hunter2"));
	assert_true(secret_occurs(&secret, "Authorization: Bearer hunter2\r\n"));
	assert_false(secret_occurs(&secret, "hunter"));
	assert_false(secret_occurs(&secret, ""));
	assert_false(secret_occurs(&secret, NULL));
	secret_deinit(&secret);
	secret_init(&secret, "", 0);
	assert_false(secret_occurs(&secret, "anything"));
	secret_deinit(&secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none),
		cmocka_unit_test(held),
		cmocka_unit_test(moved),
		cmocka_unit_test(digest),
		cmocka_unit_test(occurs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
