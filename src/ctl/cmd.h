/* The commands of cmd.def: each reads ctl->args, prints to ctl->out and returns the exit
 * status of the program; what went wrong has then been said on stderr. */
#pragma once

struct ctl;

#define COMMAND(name, ...) int cmd_##name(struct ctl *ctl);
#include "ctl/cmd.def"
