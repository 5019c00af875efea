/* --help, made of the tables. */
#pragma once

#include "ctl/args.h"
#include "ctl/out.h"

/* Prints the help of a command, or of the program where command is NULL. */
void help_print(struct out *out, const struct args_command *command);
