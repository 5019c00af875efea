/* Prints bash's completion for clerk-tokenctl, made of the tables of commands and
 * options, so that it cannot be behind them. Run by the build; not installed. */
#include "base/mem.h"
#include "ctl/args.h"
#include "ctl/select.h"

#include <stdio.h>
#include <string.h>

/* What an argument is, by what the help calls it. */
static const struct {
	const char *name;
	const char *action; /* bash */
} kinds[] = {
	{"FILE", "files=-f"},
	{"DIR", "files=-d"},
	{"FORMAT", "words='text json csv html'"},
};

/* What stands behind a command, where it is a word of a list. */
static const struct {
	const char *command;
	const char *words;
} behind[] = {
	{
		"report",
#define REPORT(name, ...) #name " "
#include "ctl/report.def"
#undef REPORT
	},
};

static void print_words(enum opt opt)
{
	const char *blank = "", *word;

	(void)printf("words='");
	for (int i = 0; (word = select_word(opt, i)); i++) {
		if (!*word)
			continue;
		(void)printf("%s%s", blank, word);
		blank = " ";
	}
	(void)printf("'");
}

/* What stands behind an option, where that is known. */
static void print_value(enum opt opt)
{
	const struct args_option *option = &args_options[opt];
	const char *kind = NULL;
	bool has_words = select_word(opt, 0) != NULL;

	for (size_t i = 0; option->value && i < ARRAY_LEN(kinds); i++)
		if (!strcmp(kinds[i].name, option->value))
			kind = kinds[i].action;
	if (opt == OPT_INSTANCE)
		kind = "words=$(_clerk_tokenctl_instances)";
	if (!kind && !has_words)
		return;
	(void)printf("\t\t");
	if (option->letter)
		(void)printf("-%c | ", option->letter);
	(void)printf("--%s) ", option->name);
	if (has_words)
		print_words(opt);
	else
		(void)printf("%s", kind);
	(void)printf(" ;;\n");
}

/* Options by name; valued: by letter too, and those alone that take a value. */
static void print_options(uint64_t bits, bool valued)
{
	const char *blank = "";

	for (int opt = 0; opt < OPT__MAX; opt++) {
		const struct args_option *option = &args_options[opt];

		if (!(bits >> opt & 1) || (valued && !option->value))
			continue;
		(void)printf("%s--%s", blank, option->name);
		blank = " ";
		if (valued && option->letter)
			(void)printf(" -%c", option->letter);
	}
}

static void print_case(const char *name, uint64_t bits)
{
	(void)printf("\t%s)\n\t\toptions='", name);
	print_options(bits, false);
	(void)printf("'\n\t\ttakes='");
	print_options(bits, true);
	(void)printf("'\n");
}

static void print_command(const struct args_command *command)
{
	print_case(command->name, command->options);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(command->words, kinds[i].name))
			(void)printf("\t\t%s\n", kinds[i].action);
	for (size_t i = 0; i < ARRAY_LEN(behind); i++)
		if (!strcmp(command->name, behind[i].command))
			(void)printf("\t\twords='%s'\n", behind[i].words);
	(void)printf("\t\t;;\n");
}

static void print_commands(void)
{
	const uint64_t everywhere = ARGS_BIT(CONFIG) | ARGS_BIT(INSTANCE) |
				    ARGS_BIT(HELP) | ARGS_BIT(VERSION);

	(void)printf("\tcase $command in\n");
	print_case("''", everywhere);
	(void)printf("\t\twords='");
	for (int i = 0; i < args_n_commands; i++)
		(void)printf("%s%s", i ? " " : "", args_commands[i].name);
	(void)printf("'\n\t\t;;\n");
	for (int i = 0; i < args_n_commands; i++)
		print_command(&args_commands[i]);
	(void)printf("\t*) return ;;\n\tesac\n");
}

static void print_values(void)
{
	(void)printf("\tif [[ \" $takes \" == *\" $prev \"* ]]; then\n"
		     "\t\toptions='' words='' files=''\n"
		     "\t\tcase $prev in\n");
	for (int opt = 0; opt < OPT__MAX; opt++)
		print_value((enum opt)opt);
	(void)printf("\t\tesac\n"
		     "\telif [[ $cur == -* ]]; then\n"
		     "\t\twords=$options files=''\n"
		     "\tfi\n");
}

static const char head[] =
	"# bash completion for clerk-tokenctl, generated from its tables of commands "
	"and\n"
	"# options.\n"
	"\n"
	"_clerk_tokenctl_instances()\n"
	"{\n"
	"\tlocal file\n"
	"\tfor file in /etc/clerk-tokend/*.conf; do\n"
	"\t\tfile=${file##*/} file=${file%.conf}\n"
	"\t\t[[ $file == \\* || $file == clerk-tokend ]] || printf '%s ' \"$file\"\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_clerk_tokenctl()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal command='' options='' takes='' words='' files='' i\n"
	"\tCOMPREPLY=()\n"
	"\t# To readline a \"=\" is a word of its own: --state=fai is three.\n"
	"\tif [[ $cur == = ]]; then\n"
	"\t\tcur=''\n"
	"\telif [[ $prev == = ]]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t-c | -i | --config | --instance)\n"
	"\t\t\t[[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))\n"
	"\t\t\t((i++))\n"
	"\t\t\t;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tcommand=${COMP_WORDS[i]}\n"
	"\t\t\tbreak\n"
	"\t\t\t;;\n"
	"\t\tesac\n"
	"\tdone\n";

static const char tail[] =
	"\tif [[ $files ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen \"$files\" -- \"$cur\")\n"
	"\telif [[ $words ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"\tfi\n"
	"}\n"
	"complete -F _clerk_tokenctl clerk-tokenctl\n";

int main(void)
{
	(void)fputs(head, stdout);
	print_commands();
	print_values();
	(void)fputs(tail, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
