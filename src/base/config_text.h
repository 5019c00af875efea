/*
 * The configuration as text, checked against the table before libconfig is believed.
 *
 * libconfig 1.5 reads 4294967297 as 1, 1e400 as infinity, 010 as 10, drops \x00, takes
 * the rest of the file for a comment whose end is missing, includes other files, and its
 * parser recurses as deep as the file likes. So the text is walked first by a scanner
 * that knows the same grammar and the table: every name, its place and the literal behind
 * it. What it lets through is at most three levels deep and means to libconfig what it
 * says. For base/config*.c alone.
 */
#pragma once

#include "base/config_table.h"
#include "base/error.h"

/* Walks the NUL-terminated text and writes the line of each key it finds into
 * source->lines (all 0 before). Fails with `FILE:LINE: KEY: what is wrong; what is
 * allowed`. */
int config_text_check(const char *text, struct config_source *source, struct error *err);
