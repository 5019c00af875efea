/* The command line, read by the tables option.def and cmd.def. */
#pragma once

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum opt {
#define OPTION(id, ...) OPT_##id,
#include "ctl/option.def"
#undef OPTION
	OPT__MAX
};

struct args_option {
	const char *name; /* without its dashes */
	char letter;      /* 0 = none */
	const char *value;
	bool many;
	const char *help;
};

extern const struct args_option args_options[OPT__MAX];

#define ARGS_MANY INT_MAX

#define ARGS_CONFIG 1u /* run with the configuration read */

struct ctl;

struct args_command {
	const char *name;
	int min, max;      /* how many words */
	const char *words; /* what they are, for the help */
	unsigned flags;    /* ARGS_CONFIG */
	uint64_t options;  /* bits 1 << enum opt */
	const char *help;
	int (*run)(struct ctl *ctl); /* returns the exit status */
};

extern const struct args_command args_commands[];
extern const int args_n_commands;

struct args_value {
	enum opt opt;
	const char *text;
};

struct args {
	const struct args_command *command; /* NULL: none was named */
	struct args_value *values;          /* owned; the texts are argv's */
	int n_values;
	const char **words; /* owned; the texts are argv's */
	int n_words;
};

#define ARGS_NULL                                                                        \
	{                                                                                \
		0                                                                        \
	}

/* Outcomes of args_parse(). */
enum { ARGS_E_HELP = 1, ARGS_E_VERSION = 2 };

/* Reads the command line. 0: a command with all that it needs. ARGS_E_HELP,
 * ARGS_E_VERSION: that was asked for (ret_args->command says of what). < 0: it does not
 * hold; err says what is wrong and what was meant. The caller args_deinit()s *ret_args in
 * each case. */
int args_parse(int argc, char **argv, struct args *ret_args, struct error *err);

/* Frees; *args is ARGS_NULL again. */
void args_deinit(struct args *args);

/* Whether the option was given; its argument (NULL where it was not given; the last one
 * where it was given again). */
bool args_has(const struct args *args, enum opt opt);
const char *args_get(const struct args *args, enum opt opt);

/* Whether any of the options in bits was given. */
bool args_has_any(const struct args *args, uint64_t bits);

#define ARGS_BIT(id) (UINT64_C(1) << OPT_##id)

static inline void args_cleanup(struct args *args)
{
	args_deinit(args);
}
