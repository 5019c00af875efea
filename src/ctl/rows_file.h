/* Rows out of a file: CSV with a header, or one JSON object a line. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/rows.h"

/* Reads the file at path ("-" = standard input) whole and adds its rows. 0, or an exit
 * status: then every bad cell was named by its line and column (the first 20 of them, and
 * how many more there are). */
int rows_file_read(const char *path, struct rows *rows);
