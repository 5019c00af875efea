#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct reply;
struct timers;

/* Sends a reply in the way its transport says. The body is taken out of it; the rest may
 * be freed at once. Returns what the handler of the connection has to return. */
enum MHD_Result emit_reply(
	struct timers *timers, struct MHD_Connection *connection, struct reply *reply);
