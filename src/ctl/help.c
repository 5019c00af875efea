#include "ctl/help.h"

#include "base/mem.h"
#include "ctl/text.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMNS 78
#define HELP_INDENT  26

/* Prints the text from column on, broken at blanks; further lines begin there too. */
static void wrap(struct out *out, const char *text, int column)
{
	int at = column;

	while (*text) {
		size_t len = strcspn(text, " ");
		int width = text_width(text, len);

		if (at > column && at + 1 + width > HELP_COLUMNS) {
			out_printf(out, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			out_printf(out, " ");
			at++;
		}
		out_printf(out, "%.*s", (int)len, text);
		at += width;
		text += len;
		text += strspn(text, " ");
	}
	out_printf(out, "\n");
}

/* A name in the left column and what it means in the right one. */
static void entry(struct out *out, const char *name, const char *help)
{
	int width = 2 + text_width(name, strlen(name));

	out_printf(out, "  %s", name);
	if (width + 2 > HELP_INDENT)
		out_printf(out, "\n%*s", HELP_INDENT, "");
	else
		out_printf(out, "%*s", HELP_INDENT - width, "");
	wrap(out, help, HELP_INDENT);
}

static void option(struct out *out, enum opt opt)
{
	const struct args_option *o = &args_options[opt];
	char letter[] = {'-', o->letter, ',', ' ', '\0'};
	AUTO(free_ptr)
	char *name = xasprintf("%s--%s%s%s", o->letter ? letter : "", o->name,
		o->value ? " " : "", o->value ? o->value : "");

	entry(out, name, o->help);
}

static void options(struct out *out, uint64_t bits)
{
	for (int opt = 0; opt < OPT__MAX; opt++)
		if (bits >> opt & 1)
			option(out, (enum opt)opt);
}

static void print_program(struct out *out)
{
	out_printf(out, "usage: clerk-tokenctl [-c FILE | -i NAME] COMMAND …\n\n"
			"The admin's and auditor's tool of clerk-tokend, which makes and "
			"revokes Clerk\nsign-in tokens from a queue.\n\n");
	for (int i = 0; i < args_n_commands; i++)
		entry(out, args_commands[i].name, args_commands[i].help);
	out_printf(out, "\n");
	options(out, ARGS_BIT(CONFIG) | ARGS_BIT(INSTANCE) | ARGS_BIT(HELP) |
			     ARGS_BIT(VERSION));
	out_printf(out, "\nclerk-tokenctl COMMAND --help says more. Exit status: 0 done, "
			"1 it ran "
			"and the\nanswer is no, 64 usage, 66 no such job, token or file, "
			"69 sqlite3 is\nnot installed, 75 timed out or the daemon is "
			"not running, 77 permission.\n");
}

void help_print(struct out *out, const struct args_command *command)
{
	if (!command) {
		print_program(out);
		return;
	}
	out_printf(out, "usage: clerk-tokenctl %s%s%s\n\n", command->name,
		*command->words ? " " : "", command->words);
	wrap(out, command->help, 0);
	out_printf(out, "\n");
	options(out, command->options);
}
