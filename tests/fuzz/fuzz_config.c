/*
 * Any bytes as a configuration: refused with one line of text, or taken with every value
 * within its limits.
 *
 * clang -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc tests/fuzz/fuzz_config.c
 *	src/base/{buf,clock,config,config_*,error,mem,parse}.c -lconfig
 */
#include "base/config.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): it has to hold in every kind of build. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_refusal(const struct error *err)
{
	must(!strncmp(err->text, "/x.conf:", 8));
	must(!strpbrk(err->text, "\n\r\x1b"));
}

static void check_values(const struct config *config)
{
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(free_ptr) char *text = xmalloc(len + 1);
	struct config *config = NULL;
	struct error err = ERROR_NULL;
	char *json;

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
	json = config_json(config);
	must(json[0] == '{' && json[strlen(json) - 1] == '}');
	free(json);
	config_free(config);
	return 0;
}
