/*
 * Errors that carry their text.
 *
 * A function that can fail returns int and takes a struct error last: 0 is done, a value
 * above 0 is an outcome that its header names and that the caller handles at once, a
 * value below 0 is a failure whose text stands in *err. The text is written where the
 * facts are (what, on what, why); callers may put words in front of it, nobody rewrites
 * it.
 */
#pragma once

struct error {
	char text[600]; /* one line, no final newline; "" = no error */
};

#define ERROR_NULL                                                                       \
	{                                                                                \
		""                                                                       \
	}

/* Writes the printf-style text into *err (may be NULL), cut to fit. Returns -1, so that
 * callers can `return error_set(…)`. */
int error_set(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* As error_set(), with ": " and the text of the errno value errnum behind it. */
int error_errno(struct error *err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the printf-style text and ": " in front of what *err already says. Returns -1. */
int error_prefix(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* That they return -1 is said here as well, where compilers and analyzers see it: else
 * every variable that a failed function left unset looks like one that is used. */
#define error_set(...)    (error_set(__VA_ARGS__), -1)
#define error_errno(...)  (error_errno(__VA_ARGS__), -1)
#define error_prefix(...) (error_prefix(__VA_ARGS__), -1)
