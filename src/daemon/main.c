/* clerk-tokend: argv, environment, exit status. */
#include "base/harden.h"
#include "base/log.h"
#include "base/mem.h"
#include "clerk/wipe.h"
#include "daemon/daemon.h"
#include "store/sql.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"Usage: clerk-tokend [-c FILE | -i NAME] [OPTION]...\n"
	"Creates and revokes Clerk sign-in tokens from a queue and keeps an audit of "
	"it.\n"
	"\n"
	"  -c, --config FILE   read FILE instead of /etc/clerk-tokend/clerk-tokend.conf\n"
	"  -i, --instance NAME read /etc/clerk-tokend/NAME.conf\n"
	"      --check         read configuration and key, say what is wrong, and end\n"
	"      --drain         work until no job is running or queued (those scheduled "
	"for\n"
	"                      later not), then end: 0 every job succeeded, 1 otherwise\n"
	"      --new-queue     put queue.db aside and make a new one\n"
	"      --accept-restore  go on with restored databases, even with an audit.db "
	"that\n"
	"                      is older than tokens.db knows it; starts paused\n"
	"      --accept-key    go on with a key of another kind (live, test)\n"
	"      --version       print the version\n"
	"      --help          print this\n"
	"\n"
	"Exit status: 0 done, 1 failure, 64 usage, 74 input/output, 75 another one runs "
	"on\n"
	"the same state directory, 78 configuration.\n";

enum option_code {
	OPT_CHECK = 256,
	OPT_DRAIN,
	OPT_NEW_QUEUE,
	OPT_RESTORE,
	OPT_KEY,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"instance", required_argument, NULL, 'i'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"drain", no_argument, NULL, OPT_DRAIN},
	{"new-queue", no_argument, NULL, OPT_NEW_QUEUE},
	{"accept-restore", no_argument, NULL, OPT_RESTORE},
	{"accept-key", no_argument, NULL, OPT_KEY},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct arguments {
	struct daemon_options options;
	const char *config;
	const char *instance;
	bool check;
	int code; /* of the option that ends everything: --version, --help; 0 = none */
};

/* 0, or -1 where getopt has said what is wrong. */
static int parse_argv(int argc, char **argv, struct arguments *ret)
{
	int code;

	while ((code = getopt_long(argc, argv, "c:i:", long_options, NULL)) != -1) {
		switch (code) {
		case 'c':
			ret->config = optarg;
			break;
		case 'i':
			ret->instance = optarg;
			break;
		case OPT_CHECK:
			ret->check = true;
			break;
		case OPT_DRAIN:
			ret->options.drain = true;
			break;
		case OPT_NEW_QUEUE:
			ret->options.new_queue = true;
			break;
		case OPT_RESTORE:
			ret->options.accept_restore = true;
			break;
		case OPT_KEY:
			ret->options.accept_key = true;
			break;
		case OPT_VERSION:
		case OPT_HELP:
			ret->code = code;
			return 0;
		default:
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	(void)fprintf(
		stderr, "clerk-tokend: '%s': no arguments are taken\n", argv[optind]);
	return -1;
}

/* Whatever else stands in the environment could change what libraries do (proxies, TLS
 * secrets written to a file, SQLite's temporary files). */
static void clear_environment(void)
{
	static const char *const kept[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC",
		"WATCHDOG_PID", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY",
		"JOURNAL_STREAM", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
	char *values[ARRAY_LEN(kept)];

	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		values[i] = xstrdup(getenv(kept[i]));
	(void)clearenv();
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (values[i])
			(void)setenv(kept[i], values[i], 1);
		free(values[i]);
	}
}

/* A file opened later must not become 0, 1 or 2. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

/* A log that nobody reads any more, and a file that reached its limit, are errors of a
 * call, not the end: from the first line on. */
static void ignore_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
	const char *named = getenv("CLERK_TOKEND_INSTANCE");
	struct arguments arguments = {.instance = named && *named ? named : NULL};
	AUTO(free_ptr) char *instance = NULL;
	AUTO(free_ptr) char *path = NULL;
	struct error err = ERROR_NULL;

	fill_standard_descriptors();
	if (parse_argv(argc, argv, &arguments) < 0) {
		(void)fputs("Try 'clerk-tokend --help'.\n", stderr);
		return DAEMON_EXIT_USAGE;
	}
	if (arguments.code == OPT_HELP)
		return fputs(usage, stdout) < 0;
	if (arguments.code == OPT_VERSION)
		return puts("clerk-tokend " PROJECT_VERSION) < 0;
	instance = xstrdup(arguments.instance);
	harden_process();
	(void)umask(0027);
	ignore_signals();
	clear_environment();
	log_init();
	wipe_install_jansson();
	sql_setup();
	if (sodium_init() < 0) {
		log_error("libsodium does not start");
		return DAEMON_EXIT_FAILURE;
	}
	if (config_find(arguments.config, instance, &path, &err) < 0) {
		(void)fprintf(stderr, "clerk-tokend: %s\n", err.text);
		return DAEMON_EXIT_USAGE;
	}
	arguments.options.config_path = path;
	return arguments.check ? daemon_check(&arguments.options)
			       : daemon_run(&arguments.options);
}
