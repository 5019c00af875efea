/*
 * Libraries that handle secrets free their memory as it is: libcurl the Authorization
 * header and what came over the wire, jansson each string of a SignInToken. With these
 * allocators they wipe it first, without a call of ours for each place.
 */
#pragma once

#include <stddef.h>

/* As free(3) and realloc(3), overwriting whatever is given back, to its last usable byte.
 * They fit memory of malloc(3), so they can be put in place at any time. */
void wipe_free(void *memory);
void *wipe_realloc(void *old, size_t size);

/* Makes jansson free with wipe_free() and end the process where there is no memory,
 * unless somebody (a test) gave it a free of their own. */
void wipe_install_jansson(void);
