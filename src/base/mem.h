/*
 * Memory: allocations that end the process when there is none (systemd starts it again
 * and the next start finds everything), and locals that clean themselves.
 */
#pragma once

#include <stddef.h>

/* Declares an owning local that is released by name##_cleanup(&local) at scope end. */
#define AUTO(name) __attribute__((cleanup(name##_cleanup)))

/* Hands the pointer over to somebody else and leaves NULL behind. */
#define TAKE_PTR(ptr)                                                                    \
	__extension__({                                                                  \
		__typeof__(ptr) *taken_from = &(ptr);                                    \
		__typeof__(ptr) taken = *taken_from;                                     \
		*taken_from = NULL;                                                      \
		taken;                                                                   \
	})

/* Defines name##_cleanup() for AUTO(name) over a pointer that function releases. */
#define DEFINE_CLEANUP(name, type, function)                                             \
	static inline void name##_cleanup(type *object)                                  \
	{                                                                                \
		if (*object)                                                             \
			function(*object);                                               \
	}                                                                                \
	struct name##_cleanup_semicolon

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Says so and ends the process: for what a library could not allocate. */
_Noreturn void mem_exhausted(void);

/* As malloc(3), calloc(3), realloc(3), strdup(3), strndup(3); they abort instead of
 * returning NULL (size 0 counts as 1). xstrdup(NULL) is NULL. The caller frees. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);

/* printf into a new string that the caller frees. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Gives the freed pages of the heap back to the system, as malloc_trim(3). */
void mem_trim(void);

/* AUTO(free_ptr) char *x: free(3) at scope end. */
void free_ptr_cleanup(void *ptr_to_ptr);
