#include "clerk/retry_after.h"

#include "base/mem.h"
#include "clerk/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000000) /* Tue, 14 Nov 2023 22:13:20 GMT */

/* fault: A14 */
static void test_retry_after(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{NULL, -1},
		{"", -1},
		{" ", -1},
		{"5", 5000},
		{" 5\t", 5000},
		{"5\r", 5000},
		{"05", 5000},
		{"0", -1},
		{"00", -1},
		{"-5", -1},
		{"+5", -1},
		{"1.5", -1},
		{"1e3", -1},
		{"0x10", -1},
		{"5s", -1},
		{"5 6", -1},
		{"3599", 3599000},
		{"3600", 3600000},
		{"3601", 3600000},
		{"99999999999999999999", 3600000},
		{"9223372036854775808", 3600000},
		{"5, 10", 10000},
		{"10,5", 10000},
		{"5,", 5000},
		{"0,x", -1},
		{"5\n7", 7000},
		{"7\n5\n", 7000},
		{"x\n5", 5000},
		{"Tue, 14 Nov 2023 22:13:21 GMT", 1000},
		{"Tue, 14 Nov 2023 22:13:20 GMT", -1},
		{"Tue, 14 Nov 2023 22:13:19 GMT", -1},
		{"Tue, 14 Nov 2023 23:13:20 GMT", 3600000},
		{"Tue, 14 Nov 2023 23:13:21 GMT", 3600000},
		{"Tuesday, 14-Nov-23 22:13:50 GMT", 30000},
		{"Tue Nov 14 22:13:50 2023", 30000},
		{"Thu, 31 Dec 2099 23:59:59 GMT", 3600000},
		{"Thu, 01 Jan 1970 00:00:00 GMT", -1},
		{"Fri, 31 Dec 9999 23:59:59 GMT", 3600000},
		{"Sat, 01 Jan 10000 00:00:00 GMT", -1},
		{"Nov:4M2000000020", -1},
		{"Tue, 14 Nov 2023 22:13:50 GMT\n5", 30000},
		{"Tue, 14 Nov 2023 22:13:25 GMT\n8", 8000},
		{"Tue, 99 Nov 2023 22:13:50 GMT", -1},
		{"tomorrow", -1},
		{"Tue", -1},
		{"2099", 2099000},
		{"20991231", 3600000},
		{"soon: 12:00", -1},
		{"Tue, 14 Nov 2023 22:13:50 GMT and very much more of it to be over the "
		 "limit",
			-1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(retry_after_read(cases[i].text, NOW), cases[i].ms);
}

static void test_retry_after_of_a_millisecond(void **state)
{
	(void)state;
	assert_int_equal(retry_after_read("Tue, 14 Nov 2023 22:13:21 GMT", NOW + 999), 1);
	assert_int_equal(
		retry_after_read("Tue, 14 Nov 2023 22:13:21 GMT", NOW + 1000), -1);
}

static void test_http_date(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Tue, 14 Nov 2023 22:13:20 GMT", NOW},
		{"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000)},
		{"Tue, 14 Nov 2023 22:13:20 GMT                                  ", NOW},
		{"Tue, 14 Nov 2023 22:13:20 GMT                                   ", -1},
		{"14 Nov 2023 22:13:20 GMT", -1},
		{"Tue, 14 Nov 2023 GMT", -1},
		{"Wed, 31 Dec 1969 23:59:58 GMT", -1},
		{":", -1},
		{"", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			http_date_ms(cases[i].text, strlen(cases[i].text)), cases[i].ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_retry_after_of_a_millisecond),
		cmocka_unit_test(test_http_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
