#pragma once

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct timers;

/* Starts the thread that wakes suspended connections. Returns NULL when it cannot. */
struct timers *timers_new(void);

/* Suspends a connection until due_us of the monotonic clock. To be called from a callback
 * of that connection only. Returns false when everything stops: then nothing was done. */
bool timers_suspend(
	struct timers *timers, struct MHD_Connection *connection, int64_t due_us);

/* Wakes all connections at once, suspends none any more and ends the thread. */
void timers_stop(struct timers *timers);

/* Frees, after timers_stop(); NULL is fine. */
void timers_free(struct timers *timers);
