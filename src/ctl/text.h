/* Text from other people on a terminal: what of it is shown, and how wide it is. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_BAD UINT32_MAX /* not a code point: a byte that is no UTF-8 */

/* Reads one code point at text (len is 1 or more) into *ret_code, TEXT_BAD where the byte
 * begins no valid UTF-8 sequence. Returns how many bytes it takes, 1 for TEXT_BAD. */
size_t text_decode(const char *text, size_t len, uint32_t *ret_code);

/* How many bytes text begins with that show themselves and need no thought: printable
 * ASCII. */
size_t text_plain(const char *text, size_t len);

/* Whether a code point does something to a terminal or a reader's eyes instead of showing
 * itself: controls, escapes, bidirectional overrides, zero-width and tag characters. */
bool text_is_hidden(uint32_t code);

/* Appends text with every hidden character and bad byte written out: \n \t \x1b \u202e.
 */
void text_escape(struct buf *out, const char *text, size_t len);

/* How many terminal columns an escaped text takes: 0 for combining marks, 2 for wide
 * characters. */
int text_width(const char *text, size_t len);

/* How many bytes of an escaped text fit into so many columns. */
size_t text_fit(const char *text, size_t len, int columns);
