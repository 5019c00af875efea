/* The plan, by a call or by the environment, and memory. */
#include "faults_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#ifdef FAULTS_OVER_ASAN
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *old, size_t size);

static struct faults_plan plan;
static struct faults_report own_report, *report = &own_report;
static atomic_bool armed;

static const char *const call_names[] = {
#define CALL(name) #name,
#include "calls.def"
#undef CALL
};

void faults_arm(const struct faults_plan *wanted)
{
	plan = *wanted;
	atomic_store(&report->seen, 0);
	atomic_store(&report->hits, 0);
	atomic_store(&armed, true);
}

void faults_disarm(void)
{
	atomic_store(&armed, false);
}

void faults_go_on(void)
{
	atomic_store(&armed, true);
}

const struct faults_report *faults_report(void)
{
	return report;
}

int faults_strike(enum faults_call call)
{
	struct timespec delay;
	uint64_t n;

	if (!atomic_load(&armed))
		return 0;
	atomic_fetch_add(&report->counts[call], 1);
	if (!(plan.calls >> call & 1))
		return 0;
	n = atomic_fetch_add(&report->seen, 1) + 1;
	if (!plan.n || (plan.ever ? n < plan.n : n != plan.n))
		return 0;
	atomic_fetch_add(&report->hits, 1);
	if (!plan.delay_ms)
		return plan.errnum ? plan.errnum : FAULTS_SHORT;
	delay = (struct timespec){.tv_sec = plan.delay_ms / 1000,
		.tv_nsec = plan.delay_ms % 1000 * 1000000};
	(void)syscall(SYS_nanosleep, &delay, NULL);
	return 0;
}

/* ---- memory ---- */

void *malloc(size_t size)
{
	STRIKE(memory, NULL);
	return REAL(malloc)(size);
}

void *calloc(size_t n, size_t size)
{
	STRIKE(memory, NULL);
	return REAL(calloc)(n, size);
}

void *realloc(void *old, size_t size)
{
	STRIKE(memory, NULL);
	return REAL(realloc)(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

char *strndup(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *strdup(const char *text)
{
	return strndup(text, SIZE_MAX);
}

char *__strdup(const char *text)
{
	return strndup(text, SIZE_MAX);
}

/* ---- by the environment ---- */

static uint64_t number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

static uint64_t read_calls(const char *list)
{
	uint64_t calls = 0;

	while (list && *list) {
		size_t len = strcspn(list, ",");

		for (int i = 0; i < FAULTS__MAX; i++)
			if (strlen(call_names[i]) == len &&
				!strncmp(call_names[i], list, len))
				calls |= UINT64_C(1) << i;
		list += len + (list[len] == ',');
	}
	return calls;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("NTH_REPORT");
	struct faults_plan wanted;
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (report == MAP_FAILED)
		abort();
	wanted = (struct faults_plan){.calls = read_calls(getenv("NTH_CALLS")),
		.n = number("NTH_N"),
		.ever = number("NTH_EVER") != 0,
		.errnum = (int)number("NTH_ERRNO"),
		.delay_ms = (long)number("NTH_DELAY_MS")};
	faults_arm(&wanted);
}
