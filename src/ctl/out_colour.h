/* Colour for the words that say how something stands. For out.c and who words a line
 * himself. */
#pragma once

#include "ctl/out.h"

/* Whether a terminal is to be painted: not under NO_COLOR, nor where TERM says that it
 * cannot be. */
bool out_colour_wanted(void);

/* Whether the column holds such words. */
bool out_colour_is_for(const struct out_column *column);

/* Prints an escaped text, in its colour where it has one and out paints. */
void out_paint(struct out *out, const char *text);
