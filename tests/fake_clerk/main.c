#include "fake.h"
#include "mem.h"
#include "options.h"
#include "server.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool complain(const char *what, const char *path)
{
	(void)fprintf(
		stderr, "fake_clerk: cannot %s %s: %s\n", what, path, strerror(errno));
	return false;
}

/* Reads a whole file into text; a NULL path reads nothing. */
static bool read_file(const char *path, struct text *text)
{
	if (!path)
		return true;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain("open", path);
	ssize_t got;
	while ((got = read(fd, text_room(text, 4096), 4096)) > 0)
		text_added(text, (size_t)got);
	(void)close(fd);
	return got == 0 || complain("read", path);
}

/* By rename, so that whoever waits for the file never reads half a number. */
static bool write_port(const char *path, uint16_t port)
{
	if (!path)
		return true;
	struct text draft = {0};
	text_printf(&draft, "%s.tmp", path);
	FILE *file = fopen(draft.data, "we");
	bool written = file && fprintf(file, "%u\n", port) > 0;
	if (file && fclose(file) != 0)
		written = false;
	written = written && rename(draft.data, path) == 0;
	text_free(&draft);
	return written || complain("write", path);
}

static void allow_many_connections(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void wait_for_end(const sigset_t *ends)
{
	int number;
	while (sigwait(ends, &number) != 0)
		;
}

static bool serve(struct fake *fake, const struct options *options, const sigset_t *ends)
{
	struct text cert = {0}, key = {0};
	struct server *server = NULL;
	if (read_file(options->tls_cert, &cert) && read_file(options->tls_key, &key))
		server = server_new(fake, &(struct server_config){
						  .port = options->port,
						  .n_threads = options->n_threads,
						  .tls_cert = cert.data,
						  .tls_key = key.data,
					  });
	bool served = server && write_port(options->port_file, server_port(server));
	if (served) {
		(void)printf("listening on 127.0.0.1:%u\n", server_port(server));
		(void)fflush(stdout);
		wait_for_end(ends);
	}
	server_free(server);
	text_free(&cert);
	text_free(&key);
	return served;
}

static bool prepare(struct fake *fake, const struct options *options)
{
	(void)pthread_mutex_init(&fake->lock, NULL);
	fake->tls = options->tls_cert != NULL;
	fake->ledger.fd = -1;
	if (!options->no_ledger &&
		!ledger_open(&fake->ledger, options->ledger, &fake->tokens))
		return false;
	/* A second run of one seed must not draw the ids of the first again. */
	if (options->seeded)
		rng_seed(&fake->rng, options->seed + fake->ledger.n_lines);
	else
		rng_seed_any(&fake->rng);
	return true;
}

static void finish(struct fake *fake)
{
	keys_clear(&fake->keys);
	limit_clear(&fake->limit);
	tokens_clear(&fake->tokens);
	ledger_close(&fake->ledger);
	script_clear(&fake->script);
	fault_chances_clear(&fake->chances);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct fake fake = {.ledger.fd = -1};
	sigset_t ends;
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	allow_many_connections();

	int status = EXIT_FAILURE;
	if (!options_read(argc, argv, &options, &fake)) {
		status = 64;
	} else if (options.help) {
		options_help();
		status = EXIT_SUCCESS;
	} else if (prepare(&fake, &options) && serve(&fake, &options, &ends)) {
		status = EXIT_SUCCESS;
	}
	finish(&fake);
	return status;
}
