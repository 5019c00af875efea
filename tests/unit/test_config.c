/* What the configuration takes; what it refuses is in test_config_values.c and _syntax.c.
 */
#include "base/config.h"

#include "base/log.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct config *load(const char *text)
{
	struct error err = ERROR_NULL;
	struct config *config = NULL;

	if (config_load_text("/x.conf", text, strlen(text), &config, &err) < 0)
		fail_msg("%s\n%s", text, err.text);
	return config;
}

static int without_environment(void **state)
{
	(void)state;
	(void)unsetenv("RUNTIME_DIRECTORY");
	(void)unsetenv("CLERK_TOKEND_INSTANCE");
	return 0;
}

static const char defaults_json[] =
	"{\"state_directory\": \"/var/lib/clerk-tokend\", "
	"\"runtime_directory\": \"/var/lib/clerk-tokend/run\", "
	"\"clerk.api_url\": \"https://api.clerk.com/v1\", "
	"\"clerk.api_version\": \"2026-05-12\", \"clerk.secret_key_file\": \"\", "
	"\"clerk.ca_file\": \"\", \"clerk.proxy\": \"\", \"clerk.connect_timeout\": "
	"\"5s\", "
	"\"clerk.request_timeout\": \"30s\", \"rate.requests\": 0, \"rate.window\": "
	"\"10s\", "
	"\"rate.share\": 0.5, \"rate.urgent_share\": 0.9, \"concurrency\": 16, "
	"\"retry.max_attempts\": 10, \"retry.initial_delay\": \"1s\", "
	"\"retry.max_delay\": \"5min\", \"retry.max_age\": \"1d\", "
	"\"retry.max_unknown_attempts\": 5, \"policy.actions\": [\"create\", "
	"\"revoke\"], "
	"\"policy.default_expires_in\": \"\", \"policy.max_expires_in\": \"\", "
	"\"policy.required\": [], \"retention.queue\": \"7d\", \"retention.secrets\": "
	"\"30d\", "
	"\"log_level\": \"info\", \"stop_timeout\": \"30s\"}";

static void defaults(void **state)
{
	struct config *config =
		load("# nothing but comments\n// here /* and\n/* there */\n");
	AUTO(free_ptr) char *json = config_json(config);

	(void)state;
	assert_string_equal(json, defaults_json);
	assert_string_equal(config->path, "/x.conf");
	assert_int_equal(config->retry_max_age_ms, 86400000);
	assert_int_equal(
		config->policy_actions, CONFIG_ACTION_CREATE | CONFIG_ACTION_REVOKE);
	assert_int_equal(config->policy_required, 0);
	assert_int_equal(config->policy_default_expires_in_ms, 0);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	config_free(config);
	config_free(NULL);
}

static const char every_key[] =
	"state_directory = \"/srv/ct//\"; runtime_directory = \"/run/ct/\";\n"
	"clerk: { api_url = \"http://127.0.0.1:8080/\"; api_version = \"2025-11-10\";\n"
	"\tsecret_key_file = \"/etc/k\"; ca_file = \"/etc/ca\";\n"
	"\tproxy = \"http://proxy:3128\";\n"
	"\tconnect_timeout = \"100ms\"; request_timeout = \"1min 30s\"; };\n"
	"rate = { requests = 1000000, window = \"1h\", share = 0.01, urgent_share = 1 }\n"
	"concurrency : 1024\n"
	"retry: { max_attempts = 1; initial_delay = \"1ms\"; max_delay = \"1ms\";\n"
	"\tmax_age = \"1s\"; max_unknown_attempts = 1000; };\n"
	"policy: { actions = [\"revoke\"]; default_expires_in = \"1h\";\n"
	"\tmax_expires_in = \"1h\";\n"
	"\trequired = [\"reference\", \"requested_by\", \"batch\", \"reason\"]; };\n"
	"retention: { queue = \"1s\"; secrets = \"36525d\"; };\n"
	"log_level = \"debug\"; stop_timeout = \"0s\";\n";

static void each_key_is_read(void **state)
{
	struct config *config = load(every_key);
	AUTO(free_ptr) char *json = config_json(config);

	(void)state;
	assert_string_equal(json,
		"{\"state_directory\": \"/srv/ct\", \"runtime_directory\": \"/run/ct\", "
		"\"clerk.api_url\": \"http://127.0.0.1:8080/v1\", "
		"\"clerk.api_version\": \"2025-11-10\", "
		"\"clerk.secret_key_file\": \"/etc/k\", \"clerk.ca_file\": \"/etc/ca\", "
		"\"clerk.proxy\": \"http://proxy:3128\", "
		"\"clerk.connect_timeout\": \"100ms\", \"clerk.request_timeout\": "
		"\"90s\", "
		"\"rate.requests\": 1000000, \"rate.window\": \"1h\", \"rate.share\": "
		"0.01, "
		"\"rate.urgent_share\": 1, \"concurrency\": 1024, "
		"\"retry.max_attempts\": 1, "
		"\"retry.initial_delay\": \"1ms\", \"retry.max_delay\": \"1ms\", "
		"\"retry.max_age\": \"1s\", \"retry.max_unknown_attempts\": 1000, "
		"\"policy.actions\": [\"revoke\"], \"policy.default_expires_in\": "
		"\"1h\", "
		"\"policy.max_expires_in\": \"1h\", \"policy.required\": "
		"[\"requested_by\", "
		"\"reason\", \"batch\", \"reference\"], \"retention.queue\": \"1s\", "
		"\"retention.secrets\": \"36525d\", \"log_level\": \"debug\", "
		"\"stop_timeout\": \"0s\"}");
	assert_int_equal(config->policy_actions, CONFIG_ACTION_REVOKE);
	assert_int_equal(config->policy_required,
		CONFIG_REQUIRED_REQUESTED_BY | CONFIG_REQUIRED_REASON |
			CONFIG_REQUIRED_BATCH | CONFIG_REQUIRED_REFERENCE);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->policy_default_expires_in_ms, 3600000);
	config_free(config);
}

/* What libconfig's grammar takes besides the plain form. */
static void ways_of_writing(void **state)
{
	static const char *const texts[] = {
		"concurrency=3",
		"concurrency:3;",
		"concurrency = 3,",
		"\r\n\tconcurrency = 3;\r\n",
		"concurrency # = 1\n = // = 2\n 3 /* ; */ ;",
		"concurrency /**/ = /* * / */ 3 /***/ ;",
		"log_level = \"in\" \"fo\"; concurrency = 3;",
		"log_level = \"in\"\n\t/* more */ \"fo\"; concurrency = 3;",
		"log_level = \"\\x69nfo\"; concurrency = 3;",
		"state_directory = \"/a#b\"; concurrency = 3; # \"unclosed",
		"state_directory = \"/a\\\"b\\\\\"; concurrency = 3;",
		"state_directory = \"/a/*b\"; concurrency = 3; /* \" */",
		"rate: { share = 0.5 }; concurrency = 3;",
		"rate: { } concurrency = 3;",
		"policy: { required = [ ] } concurrency = 3;",
		"policy: { required = [ /* a */ \"reason\" /* b */ ] } concurrency = 3;",
		"state_directory = \"/stra\xc3\x9f\xc3\xbcr\"; concurrency = 3;",
		"concurrency = 3; # \xc3\x9f \xe2\x82\xac",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct config *config = load(texts[i]);

		assert_int_equal(config->concurrency, 3);
		assert_int_equal(config->log_level, LOG_LEVEL_INFO);
		config_free(config);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		double share;
	} cases[] = {
		{"0.01", 0.01},
		{"0.5", 0.5},
		{"0.500000000", 0.5},
		{"0.333333333", 0.333333333},
		{"1", 1},
		{"1.0", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr)
		char *text = xasprintf("rate: { share = %s; };", cases[i].text);
		struct config *config = load(text);

		assert_true(config->rate_share == cases[i].share);
		config_free(config);
	}
}

static void urgent_share_is_raised(void **state)
{
	struct config *config = load("rate: { share = 0.95; };");

	(void)state;
	assert_true(config->rate_urgent_share == 0.95);
	config_free(config);
	config = load("rate: { share = 0.2; urgent_share = 0.1; };");
	assert_true(config->rate_urgent_share == 0.2);
	config_free(config);
}

static void api_urls(void **state)
{
	static const char *const cases[][2] = {
		{"https://api.clerk.com/v1", "https://api.clerk.com/v1"},
		{"https://api.clerk.com/v1/", "https://api.clerk.com/v1"},
		{"https://api.clerk.com/v1//", "https://api.clerk.com/v1"},
		{"https://api.clerk.com", "https://api.clerk.com/v1"},
		{"https://api.clerk.com/", "https://api.clerk.com/v1"},
		{"https://api.clerk.com//", "https://api.clerk.com/v1"},
		{"HTTPS://API.Clerk.COM/V1", "https://api.clerk.com/V1/v1"},
		{"https://gw.example:8443/clerk", "https://gw.example:8443/clerk/v1"},
		{"https://gw.example/clerk/v1", "https://gw.example/clerk/v1"},
		{"https://gw.example/clerk//v1/", "https://gw.example/clerk/v1"},
		{"https://gw.example/xv1", "https://gw.example/xv1/v1"},
		{"https://10.0.0.1:1", "https://10.0.0.1:1/v1"},
		{"https://[2001:db8::1]:65535", "https://[2001:db8::1]:65535/v1"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"},
		{"http://127.255.255.254", "http://127.255.255.254/v1"},
		{"http://[::1]:80/v1", "http://[::1]:80/v1"},
		{"http://localhost", "http://localhost/v1"},
		{"http://LocalHost:9", "http://localhost:9/v1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr)
		char *text = xasprintf("clerk: { api_url = \"%s\"; };", cases[i][0]);
		struct config *config = load(text);

		assert_string_equal(config->clerk_api_url, cases[i][1]);
		config_free(config);
	}
}

static void runtime_directory(void **state)
{
	struct config *config;

	(void)state;
	config = load("state_directory = \"/srv/ct\";");
	assert_string_equal(config->runtime_directory, "/srv/ct/run");
	config_free(config);
	(void)setenv("RUNTIME_DIRECTORY", "/run/clerk-tokend:/run/other", 1);
	config = load("#");
	assert_string_equal(config->runtime_directory, "/run/clerk-tokend");
	config_free(config);
	config = load("runtime_directory = \"/run/mine\";");
	assert_string_equal(config->runtime_directory, "/run/mine");
	config_free(config);
	(void)setenv("RUNTIME_DIRECTORY", "", 1);
	config = load("#");
	assert_string_equal(config->runtime_directory, "/var/lib/clerk-tokend/run");
	config_free(config);
}

static void runtime_directory_is_relative(void **state)
{
	struct config *config = NULL;
	struct error err = ERROR_NULL;

	(void)state;
	(void)setenv("RUNTIME_DIRECTORY", "run", 1);
	assert_int_equal(config_load_text("/x.conf", "#", 1, &config, &err), -1);
	assert_string_equal(err.text, "/x.conf: runtime_directory: is \"\", and "
				      "$RUNTIME_DIRECTORY is not absolute; an "
				      "absolute path is wanted in either");
	assert_null(config);
}

static void needs_restart(void **state)
{
	static const char *const cases[][2] = {
		{"#", NULL},
		{"state_directory = \"/x\";", "state_directory"},
		{"runtime_directory = \"/x\";", "runtime_directory"},
		{"clerk: { api_url = \"https://x.example\"; };", "clerk.api_url"},
		{"rate: { window = \"11s\"; };", "rate.window"},
		{"clerk: { secret_key_file = \"/x\"; ca_file = \"/x\"; };", NULL},
		{"rate: { share = 0.4; requests = 5; };", NULL},
		{"concurrency = 3; log_level = \"debug\"; policy: { required = "
		 "[\"batch\"]; };",
			NULL},
		{"rate: { window = \"11s\"; }; state_directory = \"/x\";",
			"state_directory"},
		{"clerk: { api_url = \"https://api.clerk.com//\"; };", NULL},
	};
	struct config *old = load("#");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *new = load(cases[i][0]);
		const char *key = config_needs_restart(old, new);

		if (cases[i][1])
			assert_string_equal(key, cases[i][1]);
		else
			assert_null(key);
		config_free(new);
	}
	config_free(old);
}

static void json_is_escaped(void **state)
{
	struct config *config = load(
		"state_directory = \"/a\\\"b\\\\\xc3\xbc\"; runtime_directory = \"/r\";");
	AUTO(free_ptr) char *json = NULL;

	(void)state;
	(void)setenv("RUNTIME_DIRECTORY", "/run/a\nb", 1);
	json = config_json(config);
	assert_ptr_equal(
		strstr(json, "{\"state_directory\": \"/a\\\"b\\\\\xc3\xbc\", "), json);
	config_free(config);
	free(TAKE_PTR(json));
	config = load("#");
	json = config_json(config);
	assert_non_null(strstr(json, "\"runtime_directory\": \"/run/a\\u000ab\""));
	config_free(config);
}

static void found(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "../x", "a/b", "-c", ".hidden", "a b", "\xc3\xbc", "a\n"};
	struct error err = ERROR_NULL;
	AUTO(free_ptr) char *folder = getcwd(NULL, 0);
	AUTO(free_ptr) char *wanted = xasprintf("%s/rel.conf", folder);
	char *path = NULL;

	(void)state;
#define FOUND(given, instance, wanted_path)                                              \
	do {                                                                             \
		assert_int_equal(config_find(given, instance, &path, &err), 0);          \
		assert_string_equal(path, wanted_path);                                  \
		free(TAKE_PTR(path));                                                    \
	} while (0)
	FOUND(NULL, NULL, "/etc/clerk-tokend/clerk-tokend.conf");
	FOUND(NULL, "eu-1", "/etc/clerk-tokend/eu-1.conf");
	FOUND("/a/b.conf", "eu", "/a/b.conf");
	FOUND("rel.conf", NULL, wanted);
	(void)setenv("CLERK_TOKEND_INSTANCE", "us", 1);
	FOUND(NULL, NULL, "/etc/clerk-tokend/us.conf");
	FOUND(NULL, "eu", "/etc/clerk-tokend/eu.conf");
	FOUND("/a/b.conf", NULL, "/a/b.conf");
	(void)setenv("CLERK_TOKEND_INSTANCE", "", 1);
	FOUND(NULL, NULL, "/etc/clerk-tokend/clerk-tokend.conf");
#undef FOUND
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(config_find(NULL, bad[i], &path, &err), -1);
	assert_int_equal(config_find(NULL, "../x", &path, &err), -1);
	assert_string_equal(err.text,
		"\"../x\" is no name of an instance; 1 to 64 letters, digits and -_. are "
		"allowed, beginning with a letter, a digit or _");
	(void)setenv("CLERK_TOKEND_INSTANCE", "../x", 1);
	assert_int_equal(config_find(NULL, NULL, &path, &err), -1);
	assert_int_equal(config_find("", NULL, &path, &err), -1);
	assert_null(path);
}

static void instances(void **state)
{
	static const char *const none[] = {"/etc/clerk-tokend/clerk-tokend.conf",
		"/etc/clerk-tokend/eu", "/etc/clerk-tokend/.conf",
		"/etc/clerk-tokend/a/b.conf", "/etc/clerk-tokend/..conf",
		"/etc/clerk-tokend/e u.conf", "/srv/eu.conf", "eu.conf", ""};
	AUTO(free_ptr) char *eu = config_instance("/etc/clerk-tokend/eu.conf");

	(void)state;
	assert_string_equal(eu, "eu");
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_null(config_instance(none[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(defaults, without_environment),
		cmocka_unit_test_setup(each_key_is_read, without_environment),
		cmocka_unit_test_setup(ways_of_writing, without_environment),
		cmocka_unit_test_setup(numbers, without_environment),
		cmocka_unit_test_setup(urgent_share_is_raised, without_environment),
		cmocka_unit_test_setup(api_urls, without_environment),
		cmocka_unit_test_setup(runtime_directory, without_environment),
		cmocka_unit_test_setup(
			runtime_directory_is_relative, without_environment),
		cmocka_unit_test_setup(needs_restart, without_environment),
		cmocka_unit_test_setup(json_is_escaped, without_environment),
		cmocka_unit_test_setup(found, without_environment),
		cmocka_unit_test(instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
