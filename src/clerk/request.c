#include "clerk/request.h"

#include "base/parse.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void request_deinit(struct request *request)
{
	buf_deinit(&request->url);
	buf_deinit(&request->body);
	*request = (struct request)REQUEST_NULL;
}

static int on_json(const char *bytes, size_t len, void *userdata)
{
	buf_append(userdata, bytes, len);
	return 0;
}

/* Jansson fails for want of memory or for a string that is not UTF-8. The store lets none
 * of the latter through, and the former ends the process everywhere (base/mem.h). */
static void must(int failed)
{
	if (failed) /* uncovered: tests/unit/test_request.c sees it abort, in a child */
		abort();
}

static void make_create_body(struct buf *body, const struct job *job)
{
	json_auto_t *object = json_object();

	must(!object);
	must(json_object_set_new(object, "user_id", json_string(job->user_id)));
	if (job->org_id)
		must(json_object_set_new(object, "org_id", json_string(job->org_id)));
	if (job->expires_in_seconds)
		must(json_object_set_new(object, "expires_in_seconds",
			json_integer(job->expires_in_seconds)));
	must(json_dump_callback(object, on_json, body, JSON_COMPACT));
}

static void put_revoke_path(struct buf *url, const char *id)
{
	/* uncovered: tests/unit/test_request.c sees both, in children that abort */
	must(!id || !parse_clerk_id(id, strlen(id)));
	buf_putc(url, '/');
	buf_puts(url, id);
	buf_puts(url, "/revoke");
}

void request_init(struct request *ret_request, const char *api_url, const struct job *job)
{
	struct request request = REQUEST_NULL;

	buf_puts(&request.url, api_url);
	buf_puts(&request.url, "/sign_in_tokens");
	if (job->action == JOB_CREATE) {
		assert(job->user_id);
		make_create_body(&request.body, job);
		request.has_body = true;
	} else {
		put_revoke_path(&request.url, job->sign_in_token_id);
	}
	*ret_request = request;
}
