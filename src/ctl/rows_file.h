/* Rows out of a file: CSV with a header, or one JSON object a line. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/rows.h"

/* Reads the file at path ("-" = standard input) whole and adds its rows. 0, or an exit
 * status: then every bad row was named by its line (the first 20 of them). */
int rows_file_read(const char *path, struct rows *rows);
