/* Latency costs no thread: a waiting connection is suspended and lies in a heap, the
 * earliest on top, from which one thread wakes them all. */
#include "timers.h"

#include "clock.h"
#include "mem.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct wait {
	int64_t due_us;
	struct MHD_Connection *connection; /* borrowed: it lives while suspended */
};

struct timers {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct wait *heap;
	size_t n;
	size_t cap;
	bool stopped;
};

static void swap(struct wait *a, struct wait *b)
{
	struct wait kept = *a;
	*a = *b;
	*b = kept;
}

static void heap_push(struct timers *timers, struct wait wait)
{
	if (timers->n == timers->cap) {
		timers->cap = timers->cap ? timers->cap * 2 : 256;
		timers->heap =
			mem_resize(timers->heap, timers->cap * sizeof(timers->heap[0]));
	}
	size_t at = timers->n++;
	timers->heap[at] = wait;
	for (; at && timers->heap[at].due_us < timers->heap[(at - 1) / 2].due_us;
		at = (at - 1) / 2)
		swap(&timers->heap[at], &timers->heap[(at - 1) / 2]);
}

static struct wait heap_pop(struct timers *timers)
{
	struct wait *heap = timers->heap;
	struct wait top = heap[0];
	heap[0] = heap[--timers->n];
	for (size_t at = 0;;) {
		size_t least = at, left = 2 * at + 1;
		for (size_t child = left; child < timers->n && child <= left + 1;
			child++) {
			if (heap[child].due_us < heap[least].due_us)
				least = child;
		}
		if (least == at)
			return top;
		swap(&heap[at], &heap[least]);
		at = least;
	}
}

static void wait_until(struct timers *timers, int64_t due_us)
{
	struct timespec due = {
		.tv_sec = due_us / 1000000,
		.tv_nsec = due_us % 1000000 * 1000,
	};
	(void)pthread_cond_timedwait(&timers->changed, &timers->lock, &due);
}

static void *run(void *cls)
{
	struct timers *timers = cls;
	(void)pthread_mutex_lock(&timers->lock);
	while (!timers->stopped || timers->n) {
		if (!timers->n)
			(void)pthread_cond_wait(&timers->changed, &timers->lock);
		else if (timers->stopped || timers->heap[0].due_us <= clock_mono_us())
			MHD_resume_connection(heap_pop(timers).connection);
		else
			wait_until(timers, timers->heap[0].due_us);
	}
	(void)pthread_mutex_unlock(&timers->lock);
	return NULL;
}

struct timers *timers_new(void)
{
	struct timers *timers = mem_zero(sizeof(*timers));
	pthread_condattr_t attr;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&timers->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_mutex_init(&timers->lock, NULL);
	if (pthread_create(&timers->thread, NULL, run, timers) == 0)
		return timers;
	free(timers);
	return NULL;
}

bool timers_suspend(
	struct timers *timers, struct MHD_Connection *connection, int64_t due_us)
{
	(void)pthread_mutex_lock(&timers->lock);
	bool suspended = !timers->stopped;
	if (suspended) {
		/* Before it is in the heap, or it could be woken while not asleep. */
		MHD_suspend_connection(connection);
		heap_push(timers, (struct wait){due_us, connection});
		if (timers->heap[0].connection == connection)
			(void)pthread_cond_signal(&timers->changed);
	}
	(void)pthread_mutex_unlock(&timers->lock);
	return suspended;
}

void timers_stop(struct timers *timers)
{
	(void)pthread_mutex_lock(&timers->lock);
	timers->stopped = true;
	(void)pthread_cond_signal(&timers->changed);
	(void)pthread_mutex_unlock(&timers->lock);
	(void)pthread_join(timers->thread, NULL);
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;
	(void)pthread_cond_destroy(&timers->changed);
	(void)pthread_mutex_destroy(&timers->lock);
	free(timers->heap);
	free(timers);
}
