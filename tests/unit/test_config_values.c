/* Values that the configuration refuses, each with its exact text. */
#include "base/buf.h"

#include "config_faults.h"

#include <stdlib.h>

/* fault: C7 */
static void whole_numbers(void **state)
{
	static const struct fault faults[] = {
		{"concurrency = 0;", "1: concurrency: 0 is out of range; " WHOLE},
		{"concurrency = 1025;", "1: concurrency: 1025 is out of range; " WHOLE},
		{"concurrency = -1;", "1: concurrency: -1 is out of range; " WHOLE},
		{"concurrency = -0;", "1: concurrency: -0 is out of range; " WHOLE},
		{"\n\nconcurrency = 4294967297;",
			"3: concurrency: 4294967297 is out of range; " WHOLE},
		{"concurrency = 99999999999;",
			"1: concurrency: 99999999999 is out of range; " WHOLE},
		{"concurrency = 99999999999999999999;",
			"1: concurrency: 99999999999999999999 is out of range; " WHOLE},
		{"concurrency = 18446744073709551632;",
			"1: concurrency: 18446744073709551632 is out of range; " WHOLE},
		{"concurrency = 010;",
			"1: concurrency: 010 is no plain whole number; " WHOLE},
		{"concurrency = 0x10;",
			"1: concurrency: 0x10 is no plain whole number; " WHOLE},
		{"concurrency = 0b1;",
			"1: concurrency: 0b1 is no plain whole number; " WHOLE},
		{"concurrency = 16L;",
			"1: concurrency: 16L is no plain whole number; " WHOLE},
		{"concurrency = +16;",
			"1: concurrency: +16 is no plain whole number; " WHOLE},
		{"concurrency = 16.0;",
			"1: concurrency: 16.0 is no plain whole number; " WHOLE},
		{"concurrency = 1e1;",
			"1: concurrency: 1e1 is no plain whole number; " WHOLE},
		{"concurrency = -;",
			"1: concurrency: - is no plain whole number; " WHOLE},
		{"concurrency = 1-1;",
			"1: concurrency: 1-1 is no plain whole number; " WHOLE},
		{"concurrency = 00000000000000000000000000000000000000001;",
			"1: concurrency: 0000000000000000000000000000000000000000… is "
			"too long; " WHOLE},
		{"rate: { requests = 1000001; };",
			"1: rate.requests: 1000001 is out of range; a "
			"whole number from 0 to 1000000"},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

/* fault: C7 */
static void decimal_numbers(void **state)
{
	static const struct fault faults[] = {
		{"rate: { share = 1e400; };",
			"1: rate.share: 1e400 is no plain decimal number; " SHARE},
		{"rate: { share = 5e-1; };",
			"1: rate.share: 5e-1 is no plain decimal number; " SHARE},
		{"rate: { share = .5; };",
			"1: rate.share: .5 is no plain decimal number; " SHARE},
		{"rate: { share = 0.; };",
			"1: rate.share: 0. is no plain decimal number; " SHARE},
		{"rate: { share = .; };",
			"1: rate.share: . is no plain decimal number; " SHARE},
		{"rate: { share = 00.5; };",
			"1: rate.share: 00.5 is no plain decimal number; " SHARE},
		{"rate: { share = 0.5.5; };",
			"1: rate.share: 0.5.5 is no plain decimal number; " SHARE},
		{"rate: { share = 0.1234567890; };",
			"1: rate.share: 0.1234567890 is no plain decimal number; " SHARE},
		{"rate: { share = 0; };", "1: rate.share: 0 is out of range; " SHARE},
		{"rate: { share = 0.009; };",
			"1: rate.share: 0.009 is out of range; " SHARE},
		{"rate: { share = 1.000000001; };",
			"1: rate.share: 1.000000001 is out of range; " SHARE},
		{"rate: { share = -0.5; };",
			"1: rate.share: -0.5 is out of range; " SHARE},
		{"rate: { share = 2; };", "1: rate.share: 2 is out of range; " SHARE},
		{"rate: { share = 4294967297; };",
			"1: rate.share: 4294967297 is out of range; " SHARE},
		{"rate: { share = 0,5; };",
			"1: syntax error at 5; NAME = VALUE; or NAME: { … }; is wanted"},
		{"rate: { urgent_share = 1.1; };",
			"1: rate.urgent_share: 1.1 is out of range; " SHARE},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

static void types(void **state)
{
	static const struct fault faults[] = {
		{"concurrency = \"16\";",
			"1: concurrency: a text in quotation marks stands here; " WHOLE},
		{"concurrency = true;", "1: concurrency: true is a truth value; " WHOLE},
		{"concurrency = ;", "1: concurrency: something else stands here; " WHOLE},
		{"concurrency =", "1: concurrency: nothing stands here; " WHOLE},
		{"concurrency = [16];", "1: concurrency: an array stands here; " WHOLE},
		{"concurrency = (16);",
			"1: concurrency: a list in parentheses stands here; " WHOLE},
		{"concurrency = {};", "1: concurrency: a group stands here; " WHOLE},
		{"concurrency = many;",
			"1: concurrency: many stands without quotation marks; " WHOLE},
		{"stop_timeout = 30;", "1: stop_timeout: 30 is a number; " TIMEOUT},
		{"stop_timeout = 30s;",
			"1: stop_timeout: 30s stands without quotation marks; " TIMEOUT},
		{"stop_timeout = false;",
			"1: stop_timeout: false is a truth value; " TIMEOUT},
		{"log_level = info;",
			"1: log_level: info stands without quotation marks; " LEVEL},
		{"log_level = [\"info\"];", "1: log_level: an array stands here; " LEVEL},
		{"policy: { actions = \"create\"; };",
			"1: policy.actions: a text in quotation marks stands "
			"here; " ACTIONS},
		{"policy: { actions = (\"create\"); };",
			"1: policy.actions: a list in parentheses stands here; " ACTIONS},
		{"policy: { actions = [1]; };",
			"1: policy.actions: 1 is a number; " ACTIONS},
		{"policy: { actions = [[\"create\"]]; };",
			"1: policy.actions: an array stands here; " ACTIONS},
		{"rate = 5;", "1: rate: is a group of keys; write rate: { … };"},
		{"rate = [];", "1: rate: is a group of keys; write rate: { … };"},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

static void texts(void **state)
{
	static const struct fault faults[] = {
		{"log_level = \"info;\nstop_timeout = \"30s\";",
			"1: log_level: the text does not end on its line; " LEVEL},
		{"log_level = \"info",
			"1: log_level: the text does not end on its line; " LEVEL},
		{"log_level = \"info\\\"",
			"1: log_level: the text does not end on its line; " LEVEL},
		{"log_level = \"in\\x00fo\";",
			"1: log_level: the text holds a NUL; " LEVEL},
		{"log_level = \"in\\X00fo\";",
			"1: log_level: the text holds a NUL; " LEVEL},
		{"log_level = \"info\\n\";",
			"1: log_level: the text holds a control character; " LEVEL},
		{"log_level = \"info\\x1b\";",
			"1: log_level: the text holds a control character; " LEVEL},
		{"log_level = \"info\\xff\";",
			"1: log_level: the text is not UTF-8; " LEVEL},
		{"log_level = \"in\tfo\";",
			"1: log_level: the text holds a control character; " LEVEL},
		{"log_level = \"\";", "1: log_level: \"\" is unknown; " LEVEL},
		{"log_level = \"INFO\";", "1: log_level: \"INFO\" is unknown; " LEVEL},
		{"log_level = \"info \";", "1: log_level: \"info \" is unknown; " LEVEL},
		{"log_level = "
		 "\"01234567890123456789012345678901234567890123456789012345678\xc3"
		 "\xbc"
		 "9\";",
			"1: log_level: "
			"\"01234567890123456789012345678901234567890123456789012345678"
			"…\" is unknown; " LEVEL},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

static void durations(void **state)
{
	static const struct fault faults[] = {
		{"stop_timeout = \"30\";",
			"1: stop_timeout: \"30\" is no duration; " TIMEOUT},
		{"stop_timeout = \"\";",
			"1: stop_timeout: \"\" is no duration; " TIMEOUT},
		{"stop_timeout = \"5m\";",
			"1: stop_timeout: \"5m\" is no duration; " TIMEOUT},
		{"stop_timeout = \"-5s\";",
			"1: stop_timeout: \"-5s\" is no duration; " TIMEOUT},
		{"stop_timeout = \"11min\";",
			"1: stop_timeout: \"11min\" is out of range; " TIMEOUT},
		{"stop_timeout = \"99999999999999999999d\";",
			"1: stop_timeout: \"99999999999999999999d\" is no "
			"duration; " TIMEOUT},
		{"rate: {\n window = \"99ms\"; };",
			"2: rate.window: \"99ms\" is out of range; " WINDOW},
		{"rate: {\n window = \"1h 1ms\"; };",
			"2: rate.window: \"1h 1ms\" is out of range; " WINDOW},
		{"policy: { max_expires_in = \"1500ms\"; };",
			"1: policy.max_expires_in: \"1500ms\" is no number of whole "
			"seconds; " LIFETIME},
		{"policy: { max_expires_in = \"0s\"; };",
			"1: policy.max_expires_in: \"0s\" is out of range; " LIFETIME},
		{"policy: { default_expires_in = \"500ms\"; };",
			"1: policy.default_expires_in: \"500ms\" is no number of whole "
			"seconds; " LIFETIME},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

/* fault: C10 */
static void paths(void **state)
{
	static const struct fault faults[] = {
		{"state_directory = \"\";",
			"1: state_directory: \"\" is not absolute; " PATH},
		{"state_directory = \"var/lib\";",
			"1: state_directory: \"var/lib\" is not absolute; " PATH},
		{"state_directory = \"file:/x?mode=memory\";",
			"1: state_directory: \"file:/x?mode=memory\" is a URI; " PATH},
		{"state_directory = \"//\";",
			"1: state_directory: \"//\" is the root folder; " PATH},
		{"runtime_directory = \"run\";",
			"1: runtime_directory: \"run\" is not absolute; " PATH
			", or \"\""},
		{"clerk: { secret_key_file = \"key\"; };",
			"1: clerk.secret_key_file: \"key\" is not absolute; " PATH
			", or \"\""},
		{"clerk: { ca_file = \"~/ca.pem\"; };",
			"1: clerk.ca_file: \"~/ca.pem\" is not absolute; " PATH
			", or \"\""},
	};
	AUTO(buf) struct buf text = BUF_NULL;

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
	buf_puts(&text, "state_directory = \"/");
	for (int i = 0; i < 400; i++)
		buf_putc(&text, 'a');
	buf_puts(&text, "\";");
	refuse(buf_str(&text), text.len,
		"1: state_directory: \"/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\" is over "
		"400 "
		"bytes long; " PATH);
}

static const struct fault bad_urls[] = {
	{"", "it is no URL"},
	{"api.clerk.com/v1", "it is no URL"},
	{"https:/api.clerk.com", "it is no URL"},
	{"ftp://api.clerk.com", "the URL is neither https: nor http:"},
	{"file:///etc/passwd", "the URL's host is none"},
	{"https://", "the URL's host is none"},
	{"https:///v1", "the URL's host is none"},
	{"http://api.clerk.com", "plain http: would show the key to the network"},
	{"http://10.0.0.1", "plain http: would show the key to the network"},
	{"http://128.0.0.1", "plain http: would show the key to the network"},
	{"http://127.0.0.1.example.com", "plain http: would show the key to the network"},
	{"http://localhost.example.com", "plain http: would show the key to the network"},
	{"http://[::2]", "plain http: would show the key to the network"},
	{"http://[::ffff:127.0.0.1]", "plain http: would show the key to the network"},
	{"http://127.1", "the URL's host is none"},
	{"http://2130706433", "the URL's host is none"},
	{"http://0177.0.0.1", "the URL's host is none"},
	{"https://user:hunter2@api.clerk.com",
		"the URL names a user or password, which is a secret and has no "
		"place here"},
	{"http://127.0.0.1@evil.example",
		"the URL names a user or password, which is a secret and has no "
		"place here"},
	{"https://@api.clerk.com", "the URL names a user or password, which is a "
				   "secret and has no place here"},
	{"https://api.clerk.com?x=1", "the URL has a query"},
	{"https://api.clerk.com/v1?", "the URL has a query"},
	{"https://api.clerk.com/v1#", "the URL has a fragment"},
	{"https://api.clerk.com:0", "the URL's port is none"},
	{"https://api.clerk.com:65536", "the URL's port is none"},
	{"https://api.clerk.com:", "the URL's port is none"},
	{"https://api.clerk.com:44x", "the URL's port is none"},
	{"https://api clerk.com", "the URL's host is none"},
	{"https://api..clerk.com", "the URL's host is none"},
	{"https://-api.clerk.com", "the URL's host is none"},
	{"https://api.clerk.com\\\\@evil.example/",
		"the URL's path holds a character other than letters, digits and "
		"-._~/"},
	{"https://caf\xc3\xa9.example", "the URL's host is none"},
	{"https://[::1", "the URL's host or port is none"},
	{"https://[]", "the URL's host is no address"},
	{"https://[::1%25lo]", "the URL's host is no address"},
	{"https://[::1]x", "the URL's host or port is none"},
	{"https://gw.example/a b", "the URL's path holds a character other than "
				   "letters, digits and -._~/"},
	{"https://gw.example/%2e%2e", "the URL's path holds a character other "
				      "than letters, digits and -._~/"},
	{"https://gw.example/a//b", "the URL's path holds // or /."},
	{"https://gw.example/../b", "the URL's path holds // or /."},
};

/* fault: C11 C12 */
static void api_urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_urls); i++) {
		AUTO(free_ptr)
		char *text =
			xasprintf("clerk: {\napi_url = \"%s\"; };", bad_urls[i].text);
		AUTO(free_ptr)
		char *said = xasprintf("2: clerk.api_url: %s; " URL, bad_urls[i].said);

		refuse(text, strlen(text), said);
	}
}

/* fault: C12 */
static void proxies_and_dates(void **state)
{
	static const struct fault faults[] = {
		{"clerk: { proxy = \"http://u:hunter2@proxy:3128\"; };",
			"1: clerk.proxy: the URL names a user or password, which is a "
			"secret and has "
			"no place here; " PROXY},
		{"clerk: { proxy = \"proxy:3128\"; };",
			"1: clerk.proxy: it is no URL; " PROXY},
		{"clerk: { proxy = \"socks5://proxy:1080\"; };",
			"1: clerk.proxy: the proxy is neither http: nor https:; " PROXY},
		{"clerk: { proxy = \"http://proxy/path\"; };",
			"1: clerk.proxy: the proxy's URL has a path; " PROXY},
		{"clerk: { api_version = \"\"; };",
			"1: clerk.api_version: \"\" is no date; " DATE},
		{"clerk: { api_version = \"2026-02-30\"; };",
			"1: clerk.api_version: \"2026-02-30\" is no date; " DATE},
		{"clerk: { api_version = \"2026-05-12 00:00\"; };",
			"1: clerk.api_version: \"2026-05-12 00:00\" is no date; " DATE},
		{"clerk: { api_version = \"latest\"; };",
			"1: clerk.api_version: \"latest\" is no date; " DATE},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

static void sets(void **state)
{
	static const struct fault faults[] = {
		{"policy: { actions = []; };",
			"1: policy.actions: the array is empty; " ACTIONS},
		{"policy: { actions = [\"delete\"]; };",
			"1: policy.actions: \"delete\" is unknown; " ACTIONS},
		{"policy: { actions = [\"create\", \"create\"]; };",
			"1: policy.actions: \"create\" is given twice; " ACTIONS},
		{"policy: { actions = [\"create\" \"revoke\"]; };",
			"1: policy.actions: \"createrevoke\" is unknown; " ACTIONS},
		{"policy: { actions = [\"create\",]; };",
			"1: policy.actions: something else stands here; " ACTIONS},
		{"policy: { actions = [,]; };",
			"1: policy.actions: something else stands here; " ACTIONS},
		{"policy: { actions = [\"create\"; };",
			"1: policy.actions: the array is not closed by a ]; " ACTIONS},
		{"policy: { actions = [\"create\"",
			"1: policy.actions: the array is not closed by a ]; " ACTIONS},
		{"policy: { required = [\"user_id\"]; };",
			"1: policy.required: \"user_id\" is unknown; an array such as "
			"[\"a\", \"b\"] "
			"of \"requested_by\" \"reason\" \"batch\" \"reference\""},
	};

	(void)state;
	refuse_each(faults, ARRAY_LEN(faults));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(decimal_numbers),
		cmocka_unit_test(types),
		cmocka_unit_test(texts),
		cmocka_unit_test(durations),
		cmocka_unit_test(paths),
		cmocka_unit_test(api_urls),
		cmocka_unit_test(proxies_and_dates),
		cmocka_unit_test(sets),
	};

	(void)unsetenv("RUNTIME_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
