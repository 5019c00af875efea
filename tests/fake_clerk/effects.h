#pragma once

struct fake;
struct request;

/* Writes the answer of a request that was served, as its fault and its step of the script
 * want it. The fake is locked. */
void effects_apply(struct fake *fake, struct request *request);
