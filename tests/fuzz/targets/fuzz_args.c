/*
 * Any words as the command line of clerk-tokenctl. The reading of it: what is taken fits
 * the tables, and written again in one form it reads the same. Then the whole program,
 * with a state directory that is not there, so that it ends where it would begin to do
 * something: it ends with a status of the contract, and what it says is printable.
 *
 * The first byte: +1 without the configuration; +2 the first line is
 * $CLERK_TOKEND_INSTANCE; +4 the next one is $SUDO_USER. A word a line.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 40

/* argv; its words are owned. */
struct words {
	char *words[WORDS_MAX * 2 + 8];
	int n;
};

static void words_free(struct words *words)
{
	for (int i = 0; i < words->n; i++)
		free(words->words[i]);
}

static void add(struct words *words, char *word)
{
	words->words[words->n++] = word;
	words->words[words->n] = NULL;
}

/* ---- reading ---- */

static void check_args(const struct args *args)
{
	const struct args_command *command = args->command;
	int given[OPT__MAX] = {0};

	must(command && args->n_words >= command->min && args->n_words <= command->max);
	for (int i = 0; i < args->n_values; i++) {
		enum opt opt = args->values[i].opt;

		given[opt]++;
		must(command->options >> opt & 1);
		must(given[opt] == 1 || args_options[opt].many);
		must(args->values[i].text != NULL);
		must(args_options[opt].value || !*args->values[i].text);
	}
	for (int i = 0; i < args->n_words; i++)
		must(args->words[i] != NULL);
}

/* COMMAND --option=value … -- WORD … */
static void write_again(const struct args *args, struct words *again)
{
	add(again, xstrdup("clerk-tokenctl"));
	add(again, xstrdup(args->command->name));
	for (int i = 0; i < args->n_values; i++) {
		const struct args_option *option = &args_options[args->values[i].opt];

		add(again, option->value ? xasprintf("--%s=%s", option->name,
						   args->values[i].text)
					 : xasprintf("--%s", option->name));
	}
	add(again, xstrdup("--"));
	for (int i = 0; i < args->n_words; i++)
		add(again, xstrdup(args->words[i]));
}

static void check_same(const struct args *args)
{
	AUTO(args) struct args other = ARGS_NULL;
	struct words again = {.n = 0};
	struct error err = ERROR_NULL;

	write_again(args, &again);
	must(args_parse(again.n, again.words, &other, &err) == 0);
	must(other.command == args->command && other.n_words == args->n_words);
	must(other.n_values == args->n_values);
	for (int i = 0; i < args->n_words; i++)
		must(!strcmp(args->words[i], other.words[i]));
	for (int i = 0; i < args->n_values; i++)
		must(args->values[i].opt == other.values[i].opt &&
			!strcmp(args->values[i].text, other.values[i].text));
	words_free(&again);
}

/* ---- the program ---- */

/* Those that look at or change this machine whatever the state directory is. */
static bool may_run(const struct args *args, int rc)
{
	static const char *const not [] = {"setup", "doctor", "sql"};

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(not ); i++)
		if (!strcmp(args->command->name, not [i]))
			return false;
	return true;
}

static void check_text(struct buf *text, bool said)
{
	char *rest = text->data, *line;

	if (!text->len)
		return;
	must(strlen(rest) == text->len && rest[text->len - 1] == '\n');
	rest[text->len - 1] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		size_t len = strlen(line);

		must(!*line || fuzz_is_line(line));
		for (size_t i = 0; i < len;) {
			uint32_t code;

			i += text_decode(line + i, len - i, &code);
			must(!text_is_hidden(code));
		}
		must(!said || !strncmp(line, "clerk-tokenctl: ", 16));
	}
}

static void run(struct words *words, const struct args *args, int rc)
{
	int status;

	fuzz_io_begin();
	status = ctl_main(words->n, words->words);
	fuzz_io_end();
	must(status == CTL_OK || status == CTL_NO || status == CTL_USAGE ||
		status == CTL_MISSING || status == CTL_UNAVAILABLE ||
		status == CTL_TEMPORARY || status == CTL_PERMISSION);
	must(rc >= 0 || status == CTL_USAGE);
	must(rc <= 0 || (status == CTL_OK && fuzz_io.out.len && !fuzz_io.err.len));
	/* Nothing was there that it could be done to. */
	must(rc != 0 || status != CTL_OK || args_has(args, OPT_DRY_RUN));
	must(status == CTL_OK || fuzz_io.err.len);
	must(status != CTL_USAGE || !fuzz_io.out.len);
	check_text(&fuzz_io.err, true);
	check_text(&fuzz_io.out, false);
}

/* Standard input must be nobody's terminal. */
static const char *prepare(void)
{
	static char conf[128];
	AUTO(free_ptr) char *text = NULL;
	int null;

	if (*conf)
		return conf;
	null = open("/dev/null", O_RDONLY);
	must(null >= 0 && dup2(null, STDIN_FILENO) == 0);
	text = xasprintf("state_directory = \"%s/none\";\n", fuzz_folder());
	(void)snprintf(conf, sizeof(conf), "%s", fuzz_file("conf", text, strlen(text)));
	return conf;
}

static void set_variable(struct fuzz_input *input, const char *name, bool given)
{
	AUTO(free_ptr) char *value = given ? fuzz_line(input) : NULL;

	must((value ? setenv(name, value, 1) : unsetenv(name)) == 0);
}

/* fault: L10 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	const char *conf = prepare();
	AUTO(args) struct args args = ARGS_NULL;
	struct words words = {.n = 0};
	struct error err = ERROR_NULL;
	unsigned flags = fuzz_byte(&input);
	int rc;

	set_variable(&input, "CLERK_TOKEND_INSTANCE", flags & 2);
	set_variable(&input, "SUDO_USER", flags & 4);
	add(&words, xstrdup("clerk-tokenctl"));
	if (!(flags & 1)) {
		add(&words, xstrdup("-c"));
		add(&words, xstrdup(conf));
	}
	while (input.len && words.n < WORDS_MAX)
		add(&words, fuzz_line(&input));
	rc = args_parse(words.n, words.words, &args, &err);
	must(rc >= 0 || *err.text);
	if (rc == 0) {
		check_args(&args);
		check_same(&args);
	}
	if (may_run(&args, rc))
		run(&words, &args, rc);
	words_free(&words);
	return 0;
}
