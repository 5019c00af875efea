/* The tables option.def and cmd.def as C. */
#include "ctl/args.h"

#include "base/mem.h"
#include "ctl/cmd.h"

#define ONCE false
#define MANY true
const struct args_option args_options[OPT__MAX] = {
#define OPTION(id, name, letter, value, times, help)                                     \
	[OPT_##id] = {name, letter, value, times, help},
#include "ctl/option.def"
#undef OPTION
};
#undef MANY

_Static_assert(OPT__MAX <= 64, "the options of a command are bits of a uint64_t");

#define MANY       ARGS_MANY
#define CONFIGURED ARGS_CONFIG
#define O(id)      ARGS_BIT(id)
const struct args_command args_commands[] = {
#define COMMAND(name, min, max, words, flags, options, help)                             \
	{#name, min, max, words, flags, (options) | WHERE, help, cmd_##name},
#include "ctl/cmd.def"
};

const int args_n_commands = ARRAY_LEN(args_commands);
