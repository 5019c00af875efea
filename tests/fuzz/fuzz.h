/*
 * What the fuzz targets share. A target is LLVMFuzzerTestOneInput() with oracles: besides
 * not crashing, every outcome must be one that the headers and the contract promise.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The target: one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Says what did not hold, and aborts. */
void fuzz_fail(const char *file, int line, const char *what) __attribute__((noreturn));

/* Not assert(): it has to hold in every kind of build. */
#define must(condition)                                                                  \
	do {                                                                             \
		if (!(condition))                                                        \
			fuzz_fail(__FILE__, __LINE__, #condition);                       \
	} while (0)

/* An input while it is used up. */
struct fuzz_input {
	const uint8_t *data;
	size_t len;
};

/* Takes one byte, 0 where there is none left. */
uint8_t fuzz_byte(struct fuzz_input *input);

/* Takes what stands before the next newline, or the rest, as a new string that ends at
 * its first NUL; the caller frees it. */
char *fuzz_line(struct fuzz_input *input);

/* Takes the rest, as fuzz_line() does, newlines included. */
char *fuzz_rest(struct fuzz_input *input);

/* Whether text is one line of printable UTF-8 that is not empty: what a person is told.
 */
bool fuzz_is_line(const char *text);

/* A folder of this process's own in memory, removed at its end; static. */
const char *fuzz_folder(void);

/* Writes a file into fuzz_folder() and returns its path, static until the next call. */
const char *fuzz_file(const char *name, const void *bytes, size_t len);

/* From begin to end, what the product writes to standard output and error is gathered
 * here instead, and whatever would change a file outside of fuzz_folder(), or start a
 * program, fails as if it were forbidden. Both are empty at begin. */
struct fuzz_io {
	struct buf out, err;
};
extern struct fuzz_io fuzz_io;
void fuzz_io_begin(void);
void fuzz_io_end(void);
