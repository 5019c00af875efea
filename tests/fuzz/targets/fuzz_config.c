/*
 * Any bytes as a configuration: refused with one line that names file and line, or taken
 * with every value within its limits. What was taken, written out as JSON and that
 * written as a configuration again, reads the same; so does the example file with its
 * state directory.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/parse.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_refusal(const struct error *err)
{
	const char *behind = err->text + 8;

	must(!strncmp(err->text, "/x.conf:", 8) && fuzz_is_line(err->text));
	must(strlen(err->text) < sizeof(err->text) - 1);
	must(!strncmp(behind, " is empty", 9) || (*behind >= '1' && *behind <= '9') ||
		strstr(behind, "by default"));
}

static void check_values(const struct config *config)
{
	bool is_date = false;
	int64_t ms;

	must(config->state_directory[0] == '/' && config->runtime_directory[0] == '/');
	must(!strncmp(config->clerk_api_url, "https://", 8) ||
		!strncmp(config->clerk_api_url, "http://127.", 11) ||
		!strncmp(config->clerk_api_url, "http://localhost", 16) ||
		!strncmp(config->clerk_api_url, "http://[", 8));
	must(!strcmp(config->clerk_api_url + strlen(config->clerk_api_url) - 3, "/v1"));
	must(!strpbrk(config->clerk_api_url, "@?# \\"));
	must(!strchr(config->clerk_proxy, '@'));
	must(config->concurrency >= 1 && config->concurrency <= 1024);
	must(config->rate_requests >= 0 && config->rate_requests <= 1000000);
	must(config->rate_share >= 0.01 && config->rate_share <= 1);
	must(config->rate_urgent_share >= config->rate_share);
	must(config->rate_urgent_share <= 1);
	must(config->retry_max_delay_ms >= config->retry_initial_delay_ms);
	must(config->retry_initial_delay_ms >= 1);
	must(config->policy_actions >= 1 && config->policy_actions <= 3);
	must(config->policy_required >= 0 && config->policy_required <= 15);
	must(config->policy_default_expires_in_ms % 1000 == 0);
	must(config->log_level >= 0 && config->log_level <= 3);
	must(config->clerk_request_timeout_ms >= config->clerk_connect_timeout_ms);
	must(config->clerk_connect_timeout_ms >= 100);
	must(config->clerk_request_timeout_ms <= 600000);
	must(config->rate_window_ms >= 100 && config->rate_window_ms <= 3600000);
	must(config->retry_max_attempts >= 1 && config->retry_max_attempts <= 1000);
	must(config->retry_max_unknown_attempts >= 1);
	must(config->retention_queue_ms >= 1000 && config->retention_secrets_ms >= 1000);
	must(config->stop_timeout_ms >= 0 && config->stop_timeout_ms <= 600000);
	must(clock_parse_or_date(config->clerk_api_version, &ms, &is_date) && is_date);
	must(strlen(config->state_directory) <= 400);
}

/* ---- written again ---- */

static void put_text(struct buf *text, const char *value)
{
	buf_putc(text, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_putc(text, '\\');
		buf_putc(text, *value);
	}
	buf_putc(text, '"');
}

static void put_json(struct buf *text, const json_t *value)
{
	size_t i;
	json_t *word;

	if (json_is_string(value)) {
		put_text(text, json_string_value(value));
	} else if (json_is_integer(value)) {
		buf_printf(text, "%lld", (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		buf_printf(text, "%.9f", json_real_value(value));
	} else {
		must(json_is_array(value));
		buf_putc(text, '[');
		json_array_foreach(value, i, word)
		{
			buf_puts(text, i ? ", " : "");
			put_text(text, json_string_value(word));
		}
		buf_putc(text, ']');
	}
}

/* {"group.key": value} as group: { key = value; }; the keys of a group stand together. */
static void write_again(const json_t *json, struct buf *text)
{
	char group[64] = "";
	const char *path;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, path, value)
	{
		const char *dot = strchr(path, '.');
		size_t len = dot ? (size_t)(dot - path) : 0;

		if (*group && (strlen(group) != len || strncmp(group, path, len) != 0)) {
			buf_puts(text, "};\n");
			*group = '\0';
		}
		if (len && !*group) {
			(void)snprintf(group, sizeof(group), "%.*s", (int)len, path);
			buf_printf(text, "%s: {\n", group);
		}
		buf_printf(text, "%s = ", dot ? dot + 1 : path);
		put_json(text, value);
		buf_puts(text, ";\n");
	}
	if (*group)
		buf_puts(text, "};\n");
}

static void check_json(const struct config *config, const char *first)
{
	AUTO(buf) struct buf text = BUF_NULL;
	json_t *json = json_loads(first, JSON_REJECT_DUPLICATES, NULL);
	struct config *again = NULL;
	struct error err = ERROR_NULL;
	char *second;

	must(json_is_object(json));
	write_again(json, &text);
	must(config_load_text("/x.conf", text.data, text.len, &again, &err) == 0);
	second = config_json(again);
	must(!strcmp(first, second));
	must(!config_needs_restart(config, again));
	free(second);
	json_decref(json);
	config_free(again);
}

static void check_example(const struct config *config)
{
	struct config *again = NULL;
	struct error err = ERROR_NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	must(out != NULL);
	config_print_example_for(out, config->state_directory);
	must(fclose(out) == 0);
	must(config_load_text("/x.conf", text, len, &again, &err) == 0);
	must(!strcmp(again->state_directory, config->state_directory));
	config_free(again);
	free(text);
}

/* fault: C3 C4 C6 C7 C8 C9 C10 C11 C12 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(free_ptr) char *text = xmalloc(len + 1);
	AUTO(free_ptr) char *json = NULL;
	struct config *config = NULL;
	struct error err = ERROR_NULL;

	must(unsetenv("RUNTIME_DIRECTORY") == 0);
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	if (config_load_text("/x.conf", text, len, &config, &err) < 0) {
		check_refusal(&err);
		must(!config);
		return 0;
	}
	check_values(config);
	must(!config_needs_restart(config, config));
	must(!strstr(text, "sk_live_a") && !strstr(text, "sk_test_a"));
	json = config_json(config);
	check_json(config, json);
	check_example(config);
	config_free(config);
	return 0;
}
