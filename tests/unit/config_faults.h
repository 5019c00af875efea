/* For the tests of what the configuration refuses: each bad text with exactly what is
 * said of it. */
#pragma once

#include "base/config.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fault {
	const char *text;
	const char *said; /* behind "/x.conf:" */
};

/* The text of len bytes is refused with "/x.conf:" and said. */
static inline void refuse(const char *text, size_t len, const char *said)
{
	AUTO(free_ptr) char *wanted = xasprintf("/x.conf:%s", said);
	struct error err = ERROR_NULL;
	struct config *config = NULL;

	print_message("%.300s\n", text);
	assert_int_equal(config_load_text("/x.conf", text, len, &config, &err), -1);
	assert_null(config);
	assert_string_equal(err.text, wanted);
}

/* The same for each of n. */
static inline void refuse_each(const struct fault *faults, size_t n)
{
	for (size_t i = 0; i < n; i++)
		refuse(faults[i].text, strlen(faults[i].text), faults[i].said);
}

/* What the keys take, as the texts say it. */
#define WHOLE   "a whole number from 1 to 1024"
#define SHARE   "a number from 0.01 to 1"
#define TIMEOUT "a duration in quotation marks (ms s min h d) from \"0s\" to \"10min\""
#define WINDOW  "a duration in quotation marks (ms s min h d) from \"100ms\" to \"1h\""
#define LIFETIME                                                                         \
	"a duration of whole seconds in quotation marks (s min h d) from \"1s\" to "     \
	"\"36525d\", or \"\""
#define LEVEL   "one of \"error\" \"warning\" \"info\" \"debug\""
#define ACTIONS "an array such as [\"a\", \"b\"] of \"create\" \"revoke\", at least one"
#define PATH    "an absolute path in quotation marks"
#define URL                                                                              \
	"\"https://HOST[:PORT][/PATH][/v1]\", http: to a loopback address alone, "       \
	"without "                                                                       \
	"user, query and fragment"
#define PROXY "\"http://HOST[:PORT]\", \"https://HOST[:PORT]\" or \"\""
#define DATE  "a date in quotation marks such as \"2026-05-12\""
