#include "errors.h"

#include <stddef.h>

#define ERROR(name, status, code, message, long_message)                                 \
	[ERR_##name] = {status, code, message, long_message},
static const struct clerk_error_text table[ERR__MAX] = {
#include "errors.def"
};
#undef ERROR

const struct clerk_error_text *clerk_error_text(enum clerk_error error)
{
	return &table[error];
}

enum clerk_error clerk_error_of_status(int status)
{
	for (int i = 0; i < ERR__MAX; i++) {
		if (table[i].status == status)
			return (enum clerk_error)i;
	}
	return ERR__MAX;
}
