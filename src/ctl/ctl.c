#include "ctl/ctl.h"

#include "base/buf.h"
#include "base/harden.h"
#include "ctl/help.h"
#include "ctl/text.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

static void say(const char *format, va_list ap)
{
	AUTO(buf) struct buf line = BUF_NULL;
	char *text = NULL;
	size_t done = 0;

	if (vasprintf(&text, format, ap) < 0)
		abort();
	buf_puts(&line, "clerk-tokenctl: ");
	text_escape(&line, text, strlen(text));
	buf_putc(&line, '\n');
	free(text);
	while (done < line.len) {
		ssize_t n = write(STDERR_FILENO, line.data + done, line.len - done);

		if (n <= 0 && errno != EINTR)
			return; /* there is nobody to tell */
		done += n > 0 ? (size_t)n : 0;
	}
}

void ctl_say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

int ctl_fail(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	return status;
}

const char *ctl_instance(const struct ctl *ctl)
{
	const char *name = args_get(ctl->args, OPT_INSTANCE);

	if (!name && !args_has(ctl->args, OPT_CONFIG))
		name = getenv("CLERK_TOKEND_INSTANCE");
	return name && *name ? name : NULL;
}

int ctl_load_config(struct ctl *ctl, struct error *err, int *ret_status)
{
	const char *instance = ctl_instance(ctl);
	const char *given = args_get(ctl->args, OPT_CONFIG);
	AUTO(free_ptr) char *path = NULL;

	*ret_status = CTL_USAGE;
	if (instance && given)
		return error_set(err, "-c and -i each name a configuration; give one");
	if (config_find(given, instance, &path, err) < 0)
		return -1;
	*ret_status = CTL_NO;
	if (access(path, R_OK) < 0) {
		*ret_status = errno == EACCES ? CTL_PERMISSION : CTL_MISSING;
		return error_errno(err, errno, "%s", path);
	}
	return config_load(path, &ctl->config, err);
}

/* A database must not get the number of a standard stream that was closed: what is
 * printed would be written into it. */
static void fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

static int run(struct ctl *ctl)
{
	const struct args_command *command = ctl->args->command;
	struct error err = ERROR_NULL;
	int status;

	/* doctor is there to say what is wrong with the configuration too. */
	if ((command->flags & ARGS_CONFIG) && ctl_load_config(ctl, &err, &status) < 0)
		return ctl_fail(status, "%s", err.text);
	return command->run(ctl);
}

static int finish(struct ctl *ctl, int status)
{
	struct error err = ERROR_NULL;

	if (out_close(&ctl->out, &err) < 0) {
		if (*err.text)
			ctl_say("%s", err.text);
		status = status ? status : CTL_NO;
	}
	reader_free(ctl->reader);
	reader_queue_free(ctl->queue);
	reader_secrets_free(ctl->secrets);
	config_free(ctl->config);
	return status;
}

int ctl_main(int argc, char **argv)
{
	AUTO(args) struct args args = ARGS_NULL;
	struct ctl ctl = {.args = &args};
	struct error err = ERROR_NULL;
	int rc, status = CTL_OK;

	fill_standard_streams();
	harden_process();
	(void)umask(007);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return ctl_fail(CTL_NO, "libsodium cannot be used");
	sql_setup();
	rc = args_parse(argc, argv, &args, &err);
	out_init(&ctl.out, STDOUT_FILENO,
		args_has(&args, OPT_JSON)  ? OUT_JSON
		: args_has(&args, OPT_CSV) ? OUT_CSV
					   : OUT_TABLE,
		isatty(STDOUT_FILENO) == 1);
	if (rc < 0)
		status = ctl_fail(CTL_USAGE, "%s", err.text);
	else if (rc == ARGS_E_HELP)
		help_print(&ctl.out, args.command);
	else if (rc == ARGS_E_VERSION)
		out_printf(&ctl.out, "clerk-tokenctl %s\n", PROJECT_VERSION);
	else
		status = run(&ctl);
	return finish(&ctl, status);
}
