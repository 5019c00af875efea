#include "clerk/redact.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char odd_key[] = "a+b/c";
static char longer[] = "a+b/cdef";
static const struct secret odd_secret = {.text = odd_key, .len = 5};
static const struct secret longer_secret = {.text = longer, .len = 8};
static const struct redact odd = {.known = {&odd_secret, NULL, &longer_secret}};

/* The text stands in memory that ends where it does, so that a look beyond is found. */
static char *redact_exactly(const char *text, size_t len)
{
	AUTO(free_ptr) char *exact = xmalloc(len);

	memcpy(exact, text, len);
	return redact_line(&odd, exact, len);
}

static void assert_redacted(const char *text, const char *expected)
{
	AUTO(free_ptr) char *line = redact_exactly(text, strlen(text));

	if (!expected) {
		assert_null(line);
		return;
	}
	assert_non_null(line);
	assert_string_equal(line, expected);
}

static void test_known_secrets_go_wherever_they_stand(void **state)
{
	(void)state;
	assert_redacted("a+b/c", "[redacted]");
	assert_redacted("x a+b/c", "x [redacted]");
	assert_redacted("a+b/c x", "[redacted] x");
	assert_redacted("xa+b/ca+b/cx", "x[redacted][redacted]x");
	assert_redacted("a+b/", "a+b/");
}

/* Or else the rest of the longer one would be shown. */
static void test_the_longest_known_secret_wins(void **state)
{
	(void)state;
	assert_redacted("a+b/cdef", "[redacted]");
	assert_redacted("a+b/cde", "[redacted]de");
}

/* Whatever they begin with: what a pattern would make of them does not count. */
static void test_known_secrets_that_look_like_others(void **state)
{
	char e_text[] = "e.1", ticket_text[] = "_2";
	const struct secret e = {.text = e_text, .len = 3};
	const struct secret ticket = {.text = ticket_text, .len = 2};
	const struct redact both = {.known = {&e, &ticket}};
	AUTO(free_ptr) char *line = redact_line(&both, "e.1 _2 e _", 10);

	(void)state;
	assert_string_equal(line, "[redacted] [redacted] e _");
}

static void test_what_looks_like_a_secret(void **state)
{
	(void)state;
	assert_redacted("sk_live_", "[redacted]");
	assert_redacted("sk_live", "sk_live");
	assert_redacted("sk_test_a-b_C9!", "[redacted]!");
	assert_redacted("sk_test_a\xc3\xa4", "[redacted]\xc3\xa4");
	assert_redacted("eyJ12345678", "[redacted]");
	assert_redacted("eyJ1234567", "eyJ1234567");
	assert_redacted("eyJ.......x y", "[redacted] y");
	assert_redacted("__clerk_ticket=", "__clerk_ticket=[redacted]");
	assert_redacted("__clerk_ticket=x=y<z", "__clerk_ticket=[redacted]<z");
	assert_redacted("__clerk_ticket%3d", "__clerk_ticket%3d[redacted]");
	assert_redacted("__clerk_ticket%3", "__clerk_ticket%3");
	assert_redacted("__clerk_ticket%41x", "__clerk_ticket%41x");
	assert_redacted("__clerk_ticket", "__clerk_ticket");
}

static void test_what_is_not_printable_becomes_one_blank(void **state)
{
	(void)state;
	assert_redacted("a\x80 z", "a z");
	assert_redacted("a\xc0\xafz", "a z");
	assert_redacted("a\xe0\xa0\x80z", "a\xe0\xa0\x80z");
	assert_redacted("a\xe0\x80\x80z", "a z");
	assert_redacted("a\xf0\x9f\x98\x80", "a\xf0\x9f\x98\x80");
	assert_redacted("a\xf0\x9f\x98", "a");
	assert_redacted("a\xff\xfe \r\n\x1b\x7f b", "a b");
	assert_redacted(" \t", NULL);
	assert_redacted("", NULL);
}

static void test_nothing_is_nothing(void **state)
{
	(void)state;
	assert_null(redact_line(&odd, NULL, 0));
}

static void test_500_bytes_and_no_more(void **state)
{
	char text[520];
	static const struct {
		size_t at; /* where the secret stands */
		size_t len;
	} cases[] = {{490, 500}, {491, 491}, {499, 499}, {500, 500}};

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t len = 498; len < 503; len++) {
		AUTO(free_ptr) char *line = redact_exactly(text, len);

		assert_int_equal(strlen(line), len < 500 ? len : 500);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr) char *line = NULL;

		memset(text, 'x', sizeof(text));
		memcpy(text + cases[i].at, odd_key, 5);
		line = redact_exactly(text, sizeof(text));
		assert_int_equal(strlen(line), cases[i].len);
		assert_null(strstr(line, "a+"));
	}
}

/* Neither the name nor what stands behind it begins where there is no room for it. */
static void test_a_ticket_at_the_cut(void **state)
{
	static const struct {
		size_t at;
		size_t len;
	} cases[] = {{475, 500}, {476, 491}, {485, 500}, {486, 486}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[520];
		AUTO(free_ptr) char *line = NULL;

		memset(text, 'x', sizeof(text));
		memcpy(text + cases[i].at, "__clerk_ticket=S", 16);
		line = redact_exactly(text, sizeof(text));
		assert_int_equal(strlen(line), cases[i].len);
		assert_null(strchr(line, 'S'));
	}
}

static void test_holds_secret(void **state)
{
	const struct redact none = {.known = {NULL}};

	(void)state;
	assert_true(redact_holds_secret(&odd, "xa+b/cx"));
	assert_false(redact_holds_secret(&odd, "sk_live_1"));
	assert_false(redact_holds_secret(&odd, ""));
	assert_false(redact_holds_secret(&none, "a+b/c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_secrets_go_wherever_they_stand),
		cmocka_unit_test(test_the_longest_known_secret_wins),
		cmocka_unit_test(test_known_secrets_that_look_like_others),
		cmocka_unit_test(test_what_looks_like_a_secret),
		cmocka_unit_test(test_what_is_not_printable_becomes_one_blank),
		cmocka_unit_test(test_nothing_is_nothing),
		cmocka_unit_test(test_500_bytes_and_no_more),
		cmocka_unit_test(test_a_ticket_at_the_cut),
		cmocka_unit_test(test_holds_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
