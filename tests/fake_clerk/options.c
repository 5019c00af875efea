#include "options.h"

#include "parse.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_name {
	OPT_PORT = 256,
	OPT_PORT_FILE,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_THREADS,
	OPT_KEY,
	OPT_LIMIT,
	OPT_WINDOW_MS,
	OPT_WINDOW_KIND,
	OPT_RETRY_AFTER,
	OPT_COUNT_REFUSED,
	OPT_LATENCY_MS,
	OPT_SEED,
	OPT_FAULT,
	OPT_LEDGER,
	OPT_NO_LEDGER,
	OPT_CANARY,
	OPT_STRICT,
	OPT_NO_STRICT,
	OPT_HELP,
};

static const struct option table[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"port-file", required_argument, NULL, OPT_PORT_FILE},
	{"tls-cert", required_argument, NULL, OPT_TLS_CERT},
	{"tls-key", required_argument, NULL, OPT_TLS_KEY},
	{"threads", required_argument, NULL, OPT_THREADS},
	{"key", required_argument, NULL, OPT_KEY},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"window-ms", required_argument, NULL, OPT_WINDOW_MS},
	{"window-kind", required_argument, NULL, OPT_WINDOW_KIND},
	{"retry-after", required_argument, NULL, OPT_RETRY_AFTER},
	{"count-refused", no_argument, NULL, OPT_COUNT_REFUSED},
	{"latency-ms", required_argument, NULL, OPT_LATENCY_MS},
	{"seed", required_argument, NULL, OPT_SEED},
	{"fault", required_argument, NULL, OPT_FAULT},
	{"ledger", required_argument, NULL, OPT_LEDGER},
	{"no-ledger", no_argument, NULL, OPT_NO_LEDGER},
	{"canary", required_argument, NULL, OPT_CANARY},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"no-strict", no_argument, NULL, OPT_NO_STRICT},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* "KIND=PROBABILITY", where KIND may hold a "=" itself. */
static bool take_fault(struct fake *fake, const char *text)
{
	const char *last = strrchr(text, '=');
	char kind[64];
	double probability;
	if (!last || (size_t)(last - text) >= sizeof(kind))
		return false;
	memcpy(kind, text, (size_t)(last - text));
	kind[last - text] = '\0';
	return parse_probability(last + 1, &probability) &&
	       fault_chances_add(&fake->chances, kind, probability);
}

static bool take_canary(struct fake *fake, const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	size_t len = strlen(text);
	fake->canary = text;
	return len > 0 && len <= 64 && strspn(text, allowed) == len;
}

static bool take_retry_after(struct fake *fake, const char *text)
{
	size_t size = strlen(text) + 1;
	if (size > sizeof(fake->limit.config.retry_after))
		return false;
	memcpy(fake->limit.config.retry_after, text, size);
	return true;
}

static bool take_number(const char *text, long long low, long long high, int *to)
{
	long long number;
	if (!parse_number(text, low, high, &number))
		return false;
	*to = (int)number;
	return true;
}

static bool take_seed(struct options *options, const char *text)
{
	long long number;
	if (!parse_number(text, 0, INT64_MAX, &number))
		return false;
	options->seed = (uint64_t)number;
	options->seeded = true;
	return true;
}

/* The options that go into the fake. */
static bool take_fake(struct fake *fake, int name, const char *text)
{
	struct limit_config *limit = &fake->limit.config;
	switch (name) {
	case OPT_KEY:
		keys_add(&fake->keys, text);
		return *text != '\0';
	case OPT_LIMIT:
		return take_number(text, 0, INT32_MAX, &limit->limit);
	case OPT_WINDOW_MS:
		return take_number(text, 1, 86400000, &limit->window_ms);
	case OPT_WINDOW_KIND:
		return limit_kind_parse(text, &limit->kind);
	case OPT_RETRY_AFTER:
		return take_retry_after(fake, text);
	case OPT_COUNT_REFUSED:
		limit->count_refused = true;
		return true;
	case OPT_LATENCY_MS:
		return parse_range_ms(
			text, &fake->latency_low_ms, &fake->latency_high_ms);
	case OPT_FAULT:
		return take_fault(fake, text);
	case OPT_CANARY:
		return take_canary(fake, text);
	case OPT_STRICT:
	case OPT_NO_STRICT:
		fake->strict = name == OPT_STRICT;
		return true;
	default:
		return false;
	}
}

static bool take(struct options *options, struct fake *fake, int name, const char *text)
{
	int number;
	switch (name) {
	case OPT_PORT:
		if (!take_number(text, 0, UINT16_MAX, &number))
			return false;
		options->port = (uint16_t)number;
		return true;
	case OPT_THREADS:
		if (!take_number(text, 1, 64, &number))
			return false;
		options->n_threads = (unsigned int)number;
		return true;
	case OPT_SEED:
		return take_seed(options, text);
	case OPT_PORT_FILE:
		options->port_file = text;
		return true;
	case OPT_TLS_CERT:
		options->tls_cert = text;
		return true;
	case OPT_TLS_KEY:
		options->tls_key = text;
		return true;
	case OPT_LEDGER:
		options->ledger = text;
		return true;
	case OPT_NO_LEDGER:
		options->no_ledger = true;
		return true;
	case OPT_HELP:
		options->help = true;
		return true;
	default:
		return take_fake(fake, name, text);
	}
}

/* What only the whole command line tells. Returns what is wrong, or NULL. */
static const char *contradiction(const struct options *options, const struct fake *fake)
{
	if (!options->tls_cert != !options->tls_key)
		return "--tls-cert and --tls-key go together";
	if (options->ledger && options->no_ledger)
		return "--ledger and --no-ledger exclude each other";
	for (size_t i = 0; i < fake->chances.n; i++) {
		if (options->tls_cert && fault_needs_plain(fake->chances.list[i].kind))
			return "headers_flood, interim_flood and double_answer need "
			       "plain HTTP";
	}
	return NULL;
}

bool options_read(int argc, char **argv, struct options *options, struct fake *fake)
{
	options->n_threads = 1;
	fake->strict = true;
	fake->limit.config = (struct limit_config){
		.kind = LIMIT_NONE,
		.limit = 100,
		.window_ms = 10000,
		.retry_after = "on",
	};
	int name, at;
	while ((name = getopt_long(argc, argv, "", table, &at)) != -1) {
		if (name == '?')
			return false;
		if (take(options, fake, name, optarg))
			continue;
		(void)fprintf(stderr, "fake_clerk: --%s: wrong value: %s\n",
			table[at].name, optarg);
		return false;
	}
	const char *wrong = optind < argc ? "there are no arguments but options"
					  : contradiction(options, fake);
	if (wrong)
		(void)fprintf(stderr, "fake_clerk: %s\n", wrong);
	if (!fake->keys.n)
		keys_add(&fake->keys, "sk_test_fake");
	return !wrong;
}
