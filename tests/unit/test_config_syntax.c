/* Texts that the configuration refuses as a whole, each with what it says. */
#include "base/buf.h"

#include "config_faults.h"

#include <stdlib.h>

/* fault: C6 */
static void names(void **state)
{
	static const struct fault faults[] = {
		{"\nconcurency = 3;",
			"2: concurency: unknown key; did you mean concurrency?"},
		{"clerk: { api_ulr = \"\"; };",
			"1: clerk.api_ulr: unknown key; did you mean clerk.api_url?"},
		{"share = 0.5;", "1: share: unknown key; did you mean rate.share?"},
		{"retry: { share = 0.5; };",
			"1: retry.share: unknown key; did you mean rate.share?"},
		{"Concurrency = 3;",
			"1: Concurrency: unknown key; did you mean concurrency?"},
		{"clerk: { secret_key = \"\"; };", "1: clerk.secret_key: unknown key; "
						   "clerk-tokend.conf(5) lists them"},
		{"blurb = 1;", "1: blurb: unknown key; clerk-tokend.conf(5) lists them"},
		{"true = 1;", "1: true: unknown key; clerk-tokend.conf(5) lists them"},
		{"*x = 1;", "1: *x: unknown key; clerk-tokend.conf(5) lists them"},
		{"rate: { rate: { share = 0.5; }; };",
			"1: rate.rate: unknown key; clerk-tokend.conf(5) lists them"},
		{"concurrency = 3;\nconcurrency = 3;",
			"2: concurrency: given twice, first in line 1; once is allowed"},
		{"rate: {\nshare = 0.5;\nshare = 0.5; };",
			"3: rate.share: given twice, first in line 2; once is allowed"},
		{"rate: { };\n\nrate: { };",
			"3: rate: given twice, first in line 1; once is allowed"},
		{"rate.share = 0.5;", "1: rate: is a group of keys; write rate: { … };"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		 "= 1;",
			"1: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…: unknown key; "
			"clerk-tokend.conf(5) lists them"},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

static void syntax(void **state)
{
	static const struct fault faults[] = {
		{"concurrency 3;", "1: concurrency: no = or : follows the name; write "
				   "concurrency = VALUE;"},
		{"concurrency",
			"1: concurrency: no = or : follows the name; write concurrency = "
			"VALUE;"},
		{"rate { };", "1: rate: no = or : follows the name; write rate: { … };"},
		{"rate: {\n\nshare = 0.5;",
			"3: rate: the group of line 1 is not closed by a }"},
		{"concurrency = 3;;",
			"1: syntax error at ;; NAME = VALUE; or NAME: { … }; is wanted"},
		{"concurrency == 3;",
			"1: concurrency: something else stands here; " WHOLE},
		{"}", "1: syntax error at }; NAME = VALUE; or NAME: { … }; is wanted"},
		{"= 3", "1: syntax error at =; NAME = VALUE; or NAME: { … }; is wanted"},
		{"\"concurrency\" = 3;",
			"1: syntax error at \"; NAME = VALUE; or NAME: { … }; is wanted"},
		{"_x = 3;",
			"1: syntax error at _; NAME = VALUE; or NAME: { … }; is wanted"},
		{"/ 3", "1: syntax error at /; NAME = VALUE; or NAME: { … }; is wanted"},
		{"log_level = \xe2\x80\x9cinfo\xe2\x80\x9d;",
			"1: log_level: something else stands here; " LEVEL},
		{"log_level\xe2\x80\x9c = \"info\";",
			"1: log_level: no = or : follows the name; write log_level = "
			"VALUE;"},
		{"concurrency = 3; \xc2\xa0log_level = \"info\";",
			"1: a character that is not ASCII stands outside quotation "
			"marks; NAME = "
			"VALUE; is wanted"},
		{"#\n/* concurrency = 3;\n\n",
			"2: a comment does not end; /* wants a */"},
		{"concurrency = /* 3;", "1: a comment does not end; /* wants a */"},
		{"/*/ concurrency = 3;", "1: a comment does not end; /* wants a */"},
		{"@include \"/etc/other.conf\"\n",
			"1: @include is not taken; one file holds all keys"},
		{"rate: {\n  @include \"/etc/other.conf\"\n };",
			"2: @include is not taken; one file holds all keys"},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

/* fault: C8 */
static void contradictions(void **state)
{
	static const struct fault faults[] = {
		{"retry: { initial_delay = \"10min\"; };",
			"1: retry.initial_delay: \"10min\" is more than retry.max_delay, "
			"which is "
			"\"5min\" by default; at most that is allowed"},
		{"retry: {\n max_delay = \"500ms\"; };",
			"2: retry.max_delay: \"500ms\" is less than retry.initial_delay, "
			"which is "
			"\"1s\" by default; at least that is allowed"},
		{"retry: {\n max_delay = \"1s\";\n initial_delay = \"2s\"; };",
			"3: retry.initial_delay: \"2s\" is more than retry.max_delay, "
			"which is "
			"\"1s\"; at most that is allowed"},
		{"retry: {\n initial_delay = \"2s\";\n max_delay = \"1s\"; };",
			"3: retry.max_delay: \"1s\" is less than retry.initial_delay, "
			"which is "
			"\"2s\"; at least that is allowed"},
		{"clerk: { request_timeout = \"4s\"; };",
			"1: clerk.request_timeout: \"4s\" is less than "
			"clerk.connect_timeout, which "
			"is \"5s\" by default; at least that is allowed"},
		{"policy: { default_expires_in = \"2h\"; max_expires_in = \"1h\"; };",
			"1: policy.max_expires_in: \"1h\" is less than "
			"policy.default_expires_in, "
			"which is \"2h\"; at least that is allowed"},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

/* The key is in the examples below only in part, so that no scanner takes them for one.
 */
#define KEY_ELSEWHERE                                                                    \
	"a Clerk secret key stands here; it belongs in a file of its own that "          \
	"clerk.secret_key_file names, or in the systemd credential clerk_secret_key "    \
	"(take it out and have it rotated)"

/* fault: C9 */
static void keys_in_the_file(void **state)
{
	static const struct fault faults[] = {
		{"\nclerk: { secret_key = \"sk_live_"
		 "0a\"; };",
			"2: " KEY_ELSEWHERE},
		{"# sk_test_"
		 "0a",
			"1: " KEY_ELSEWHERE},
		{"sk_live sk_test sk_sk_live_"
		 "0a",
			"1: " KEY_ELSEWHERE},
		{"clerk: { secret_key_file = \"/sk_li\" \"ve_0a\"; };",
			"1: clerk.secret_key_file: a Clerk secret key stands here, which "
			"belongs in "
			"clerk.secret_key_file; " PATH ", or \"\""},
		{"policy: { required = [\"sk\\x5flive_0a\"]; };",
			"1: policy.required: a Clerk secret key stands here, which "
			"belongs in "
			"clerk.secret_key_file; an array such as [\"a\", \"b\"] of "
			"\"requested_by\" "
			"\"reason\" \"batch\" \"reference\""},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

/* fault: C3 C4 */
static void bytes(void **state)
{
	(void)state;
	refuse("", 0, " is empty; a file of comments alone means every default");
	refuse(" \t\r\n\n", 5, " is empty; a file of comments alone means every default");
	refuse("\xef\xbb\xbf#", 4,
		"1: begins with a byte order mark; plain UTF-8 without one is wanted");
	refuse("\xff\xfe#\0", 4,
		"1: is UTF-16; plain UTF-8 without a byte order mark is wanted");
	refuse("\xfe\xff\0#", 4,
		"1: is UTF-16; plain UTF-8 without a byte order mark is wanted");
	refuse("#\n#\0concurrency = 3;", 20,
		"2: the line holds a NUL; plain UTF-8 text is allowed");
	refuse("\0", 1, "1: the line holds a NUL; plain UTF-8 text is allowed");
	refuse("#\n\n# caf\xe9\n", 9,
		"3: the line is not UTF-8; plain UTF-8 text is allowed");
	refuse("# \x1b[2J", 6,
		"1: the line holds a control character; plain UTF-8 text is allowed");
	refuse("#a\rb\n", 5,
		"1: the line holds a control character; plain UTF-8 text is allowed");
}

static void repeat(struct buf *text, const char *piece, int n)
{
	for (int i = 0; i < n; i++)
		buf_puts(text, piece);
}

/* libconfig's own parser never sees these. */
/* fault: C5 */
static void deep(void **state)
{
	static const struct fault pieces[] = {
		{"rate:{", "1: rate.rate: unknown key; clerk-tokend.conf(5) lists them"},
		{"a:{", "1: a: unknown key; clerk-tokend.conf(5) lists them"},
		{"(", "1: syntax error at (; NAME = VALUE; or NAME: { … }; is wanted"},
		{"{", "1: syntax error at {; NAME = VALUE; or NAME: { … }; is wanted"},
		{"/* ", "1: a comment does not end; /* wants a */"},
	};
	AUTO(buf) struct buf array = BUF_NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		AUTO(buf) struct buf text = BUF_NULL;

		repeat(&text, pieces[i].text, 1000000);
		refuse(buf_str(&text), text.len, pieces[i].said);
	}
	buf_puts(&array, "policy:{actions=");
	repeat(&array, "[", 1000000);
	refuse(buf_str(&array), array.len,
		"1: policy.actions: an array stands here; " ACTIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(syntax),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(keys_in_the_file),
		cmocka_unit_test(bytes),
		cmocka_unit_test(deep),
	};

	(void)unsetenv("RUNTIME_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
