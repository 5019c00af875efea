#pragma once

/* The errors of Clerk's API, as listed in errors.def. */
enum clerk_error {
#define ERROR(name, status, code, message, long_message) ERR_##name,
#include "errors.def"
#undef ERROR
	ERR__MAX,
};

struct clerk_error_text {
	int status;
	const char *code;
	const char *message;
	const char *long_message;
};

/* Returns the texts of an error; they live for ever.
 * long_message is NULL where it repeats the message. */
const struct clerk_error_text *clerk_error_text(enum clerk_error error);

/* Returns the usual error of a status, or ERR__MAX when Clerk has none. */
enum clerk_error clerk_error_of_status(int status);
