/* A job as an HTTP request. Pure. */
#pragma once

#include "base/buf.h"
#include "model/job.h"

#include <stdbool.h>

/* Method is always POST. */
struct request {
	struct buf url;  /* api_url, the path, nothing else */
	struct buf body; /* JSON of a create; empty of a revoke */
	bool has_body;
};

#define REQUEST_NULL                                                                     \
	{                                                                                \
		0                                                                        \
	}

/* Frees it. Idempotent. */
void request_deinit(struct request *request);

/* Makes the request of job into *ret_request (the caller request_deinit()s it). api_url
 * ends in "/v1" (config.h). A revoke's id is checked again here, in every build, because
 * it becomes a path segment: the process aborts where it is not [A-Za-z0-9_]{1,128},
 * which no job that passed the store's checks is. expires_in_seconds of 0 and a NULL
 * org_id are left out of the body. */
void request_init(
	struct request *ret_request, const char *api_url, const struct job *job);

static inline void request_cleanup(struct request *request)
{
	request_deinit(request);
}
