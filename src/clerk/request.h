/* A job as an HTTP request. Pure. */
#pragma once

#include "base/buf.h"
#include "model/job.h"

/* Method is always POST. */
struct request {
	struct buf url;      /* api_url, the path, nothing else */
	struct buf body;     /* JSON of a create; empty of a revoke */
	bool has_body;
};

#define REQUEST_NULL {0}

/* Frees it. Idempotent. */
void request_deinit(struct request *request);

/* Makes the request of job. api_url ends in "/v1" (config.h). A revoke's id is checked
 * again here: it becomes a path segment; a job that passed the store's checks never fails
 * this (asserted). expires_in_seconds of 0 and a NULL org_id are left out of the body. */
void request_init(struct request *ret_request, const char *api_url, const struct job *job);
