/*
 * sql: becomes the sqlite3 program. It gets a database in memory as its own, so that what
 * is written without a name stays nowhere, and ours attached by names: audit and tokens
 * read-only, queue for those who may write it. Only paths stand in its arguments.
 *
 * Never queue.db for root: SQLite rolls back whatever journal lies beside it, a planted
 * one can name any file as its super-journal, and the rollback deletes that file.
 */
#include "base/buf.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/who.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct place {
	const char *name;
	const char *file; /* below the state directory */
	const char *mode;
	int access;
	const char *group;
} places[] = {
	{"queue", "queue/queue.db", "rw", R_OK | W_OK, "clerk-submit"},
	{"audit", "audit/audit.db", "ro", R_OK, "clerk-audit"},
	{"tokens", "tokens/tokens.db", "ro", R_OK, "clerk-submit"},
};

/* The words that the program is run with; those that were made here are owned. */
struct words {
	char *words[400];
	size_t n;
};

#define WORDS_MAX (ARRAY_LEN(((struct words *)NULL)->words) - 20)

static void words_cleanup(struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free_ptr_cleanup(&words->words[i]);
}

static void add(struct words *words, const char *word)
{
	words->words[words->n++] = xstrdup(word);
}

/* A path in a URI: nothing but letters, digits and "/._-" stands for itself, so no quote
 * gets through to SQL either. */
static char *escape_path(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-";
	AUTO(buf) struct buf uri = BUF_NULL;

	for (; *path; path++) {
		if (strchr(plain, *path))
			buf_putc(&uri, *path);
		else
			buf_printf(&uri, "%%%02X", (unsigned)(unsigned char)*path);
	}
	return xstrdup(buf_str(&uri));
}

/* Whether a database is attached; says why where not. */
static bool is_for_us(const struct place *place, const char *path)
{
	AUTO(free_ptr) char *group = NULL;

	if (!strcmp(place->name, "queue") && geteuid() == 0) {
		ctl_say("queue is not attached: root does not open queue.db with plain "
			"sqlite3, a journal planted beside it could delete any file; run "
			"this as a member of %s",
			place->group);
		return false;
	}
	if (access(path, place->access) == 0)
		return true;
	if (errno == EACCES) {
		group = who_group_of(path, place->group);
		ctl_say("%s is not attached: %s: permission denied: ask for membership "
			"of group %s",
			place->name, path, group);
	} else {
		ctl_say("%s is not attached: %s: %s", place->name, path, strerror(errno));
	}
	return false;
}

static int attach(const struct ctl *ctl, struct words *words)
{
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO(free_ptr)
		char *path =
			xasprintf("%s/%s", ctl->config->state_directory, places[i].file);
		AUTO(free_ptr) char *uri = escape_path(path);
		AUTO(free_ptr)
		char *command = xasprintf("ATTACH 'file:%s?mode=%s' AS %s", uri,
			places[i].mode, places[i].name);

		if (!is_for_us(&places[i], path))
			continue;
		add(words, "-cmd");
		add(words, command);
		n++;
	}
	return n ? CTL_OK
		 : ctl_fail(CTL_PERMISSION, "there is no database that you may read");
}

/* How results look: as the configuration's sqliterc says for a person, bare otherwise;
 * never as somebody's own ~/.sqliterc says. */
static void dress(const struct ctl *ctl, struct words *words)
{
	const char *slash = strrchr(ctl->config->path, '/');
	AUTO(free_ptr)
	char *init =
		xasprintf("%.*s/sqliterc", slash ? (int)(slash - ctl->config->path) : 1,
			slash ? ctl->config->path : ".");
	bool person = ctl->args->n_words == 0 && isatty(STDIN_FILENO);

	add(words, "-init");
	add(words, person && access(init, R_OK) == 0 ? init : "/dev/null");
	add(words, "-bail");
	if (!person)
		add(words, "-batch");
	if (args_has(ctl->args, OPT_JSON))
		add(words, "-json");
	if (args_has(ctl->args, OPT_CSV)) {
		add(words, "-csv");
		add(words, "-header");
	}
	add(words, "-cmd");
	add(words, ".timeout 10000");
}

int cmd_sql(struct ctl *ctl)
{
	AUTO(words) struct words words = {.n = 0};
	int status;

	if ((size_t)ctl->args->n_words > WORDS_MAX)
		return ctl_fail(
			CTL_USAGE, "sql: at most %zu statements are taken", WORDS_MAX);
	add(&words, "sqlite3");
	dress(ctl, &words);
	status = attach(ctl, &words);
	if (status)
		return status;
	add(&words, ":memory:");
	for (int i = 0; i < ctl->args->n_words; i++) {
		/* A text that begins with a dash is no option of the program's. */
		AUTO(free_ptr) char *text = xasprintf(" %s", ctl->args->words[i]);

		add(&words, text);
	}
	/* It does not look whether what it prints is read: a signal has to tell it. */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(words.words[0], words.words);
	if (errno == ENOENT)
		return ctl_fail(CTL_UNAVAILABLE,
			"the sqlite3 program is not installed (apt install sqlite3)");
	return ctl_fail(CTL_UNAVAILABLE, "sqlite3: %s", strerror(errno));
}
