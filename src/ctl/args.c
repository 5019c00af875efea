#include "ctl/args.h"

#include "base/mem.h"
#include "ctl/near.h"

#include <stdlib.h>
#include <string.h>

/* What may stand before a command's name. */
#define EVERYWHERE                                                                       \
	(ARGS_BIT(CONFIG) | ARGS_BIT(INSTANCE) | ARGS_BIT(HELP) | ARGS_BIT(VERSION))

/* argv while it is being read. */
struct reading {
	char **argv;
	int argc;
	int at;
	struct args *args;
};

void args_deinit(struct args *args)
{
	free(args->values);
	free(args->words);
	*args = (struct args)ARGS_NULL;
}

static uint64_t allowed(const struct args *args)
{
	return args->command ? args->command->options : EVERYWHERE;
}

static const char *hint(const struct args *args)
{
	return args->command ? args->command->name : "";
}

static int fail_unknown(const struct args *args, const char *name, struct error *err)
{
	struct near near = {.word = name};

	for (int opt = 0; !args->command && opt < OPT__MAX; opt++)
		if (!strcmp(args_options[opt].name, name))
			return error_set(err, "--%s stands behind the command", name);
	for (int opt = 0; opt < OPT__MAX; opt++)
		if (allowed(args) >> opt & 1)
			near_try(&near, args_options[opt].name);
	if (near.best)
		return error_set(err,
			"there is no option --%.100s here; did you mean --%s?", name,
			near.best);
	return error_set(err,
		"there is no option --%.100s here; see clerk-tokenctl%s%s --help", name,
		args->command ? " " : "", hint(args));
}

static int find_long(const struct args *args, const char *name, size_t len)
{
	for (int opt = 0; opt < OPT__MAX; opt++)
		if ((allowed(args) >> opt & 1) && strlen(args_options[opt].name) == len &&
			!memcmp(args_options[opt].name, name, len))
			return opt;
	return -1;
}

static int find_letter(const struct args *args, char letter)
{
	for (int opt = 0; opt < OPT__MAX; opt++)
		if ((allowed(args) >> opt & 1) && args_options[opt].letter == letter)
			return opt;
	return -1;
}

/* Notes an option; value NULL = its argument is the next word of argv. */
static int take_option(
	struct reading *reading, enum opt opt, const char *value, struct error *err)
{
	const struct args_option *option = &args_options[opt];
	struct args *args = reading->args;

	if (!option->value && value)
		return error_set(err, "--%s takes no argument", option->name);
	if (option->value && !value && reading->at + 1 >= reading->argc)
		return error_set(err, "--%s wants its %s", option->name, option->value);
	if (option->value && !value)
		value = reading->argv[++reading->at];
	if (!option->many && args_has(args, opt))
		return error_set(err, "--%s is given twice", option->name);
	args->values = xrealloc(
		args->values, ((size_t)args->n_values + 1) * sizeof(*args->values));
	args->values[args->n_values++] = (struct args_value){opt, value ? value : ""};
	return 0;
}

static int take_long(struct reading *reading, const char *text, struct error *err)
{
	size_t len = strcspn(text, "=");
	int opt = find_long(reading->args, text, len);

	if (opt < 0) {
		AUTO(free_ptr) char *name = xstrndup(text, len);

		return fail_unknown(reading->args, name, err);
	}
	return take_option(
		reading, (enum opt)opt, text[len] == '=' ? text + len + 1 : NULL, err);
}

/* Letters in one word: the first that takes an argument takes the rest for it. */
static int take_letters(struct reading *reading, const char *text, struct error *err)
{
	for (; *text; text++) {
		int opt = find_letter(reading->args, *text);

		if (opt < 0) {
			return error_set(err,
				"there is no option -%c here; see clerk-tokenctl%s%s "
				"--help",
				*text, reading->args->command ? " " : "",
				hint(reading->args));
		}
		if (args_options[opt].value)
			return take_option(
				reading, (enum opt)opt, text[1] ? text + 1 : NULL, err);
		if (take_option(reading, (enum opt)opt, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int take_command(struct args *args, const char *word, struct error *err)
{
	struct near near = {.word = word};

	for (int i = 0; i < args_n_commands; i++) {
		if (!strcmp(args_commands[i].name, word)) {
			args->command = &args_commands[i];
			return 0;
		}
		near_try(&near, args_commands[i].name);
	}
	if (near.best)
		return error_set(err, "there is no command %.100s; did you mean %s?",
			word, near.best);
	return error_set(err,
		"there is no command %.100s; clerk-tokenctl --help lists them", word);
}

static int take_word(struct args *args, const char *word, struct error *err)
{
	if (!args->command)
		return take_command(args, word, err);
	args->words =
		xrealloc(args->words, ((size_t)args->n_words + 1) * sizeof(*args->words));
	args->words[args->n_words++] = word;
	return 0;
}

/* A word with a dash that is meant as a word: "-" alone. */
static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

static int take_all(struct reading *reading, struct error *err)
{
	bool only_words = false;

	for (reading->at = 1; reading->at < reading->argc; reading->at++) {
		const char *word = reading->argv[reading->at];
		int rc = 0;

		if (only_words || !is_option(word))
			rc = take_word(reading->args, word, err);
		else if (!strcmp(word, "--"))
			only_words = true;
		else if (word[1] == '-')
			rc = take_long(reading, word + 2, err);
		else
			rc = take_letters(reading, word + 1, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int check_arity(const struct args *args, struct error *err)
{
	const struct args_command *command = args->command;
	const char *blank = *command->words ? " " : "";

	if (args->n_words < command->min)
		return error_set(err, "%s wants more; usage: clerk-tokenctl %s%s%s",
			command->name, command->name, blank, command->words);
	if (args->n_words > command->max)
		return error_set(err,
			"%s does not take %.100s; usage: clerk-tokenctl %s%s%s",
			command->name, args->words[command->max], command->name, blank,
			command->words);
	if (args_has(args, OPT_JSON) && args_has(args, OPT_CSV))
		return error_set(err, "--json and --csv together make no sense");
	return 0;
}

int args_parse(int argc, char **argv, struct args *ret_args, struct error *err)
{
	struct reading reading = {.argv = argv, .argc = argc, .args = ret_args};
	int rc;

	*ret_args = (struct args)ARGS_NULL;
	rc = take_all(&reading, err);
	/* Who asks for help gets it, whatever else is wrong behind it. */
	if (args_has(ret_args, OPT_HELP))
		return ARGS_E_HELP;
	if (rc < 0)
		return -1;
	if (args_has(ret_args, OPT_VERSION))
		return ARGS_E_VERSION;
	if (!ret_args->command)
		return error_set(err, "which command? clerk-tokenctl --help lists them");
	return check_arity(ret_args, err);
}

bool args_has(const struct args *args, enum opt opt)
{
	return args_get(args, opt) != NULL;
}

const char *args_get(const struct args *args, enum opt opt)
{
	for (int i = args->n_values - 1; i >= 0; i--)
		if (args->values[i].opt == opt)
			return args->values[i].text;
	return NULL;
}

bool args_has_any(const struct args *args, uint64_t bits)
{
	for (int i = 0; i < args->n_values; i++)
		if (bits >> args->values[i].opt & 1)
			return true;
	return false;
}
