#include "reply.h"

#include "mem.h"
#include "rng.h"

#include <stdlib.h>
#include <string.h>

void reply_init(struct reply *reply, struct rng *rng)
{
	*reply = (struct reply){.status = 200, .content_type = "application/json"};
	rng_hex(rng, reply->trace, sizeof(reply->trace) - 1);
}

void reply_deinit(struct reply *reply)
{
	text_free(&reply->body);
	free(reply->location);
	free(reply->retry_after);
	*reply = (struct reply){0};
}

static void add_meta(struct text *body, const struct reply_error *error)
{
	if (!error->param && !error->extra)
		return;
	text_adds(body, ",\"meta\":{");
	if (error->param) {
		text_adds(body, "\"param_name\":");
		text_json(body, error->param);
	}
	if (error->extra) {
		text_adds(body, error->param ? "," : "");
		text_adds(body, "\"request\":{\"authorization\":");
		text_json(body, error->extra);
		text_adds(body, "}");
	}
	text_adds(body, "}");
}

void reply_error(struct reply *reply, const struct reply_error *error)
{
	const struct clerk_error_text *texts = clerk_error_text(error->error);
	const char *long_message = error->long_message   ? error->long_message
				   : texts->long_message ? texts->long_message
							 : texts->message;
	reply->status = error->status ? error->status : texts->status;
	reply->code = error->code ? error->code : texts->code;
	reply->content_type = "application/json";
	struct text *body = &reply->body;
	text_clear(body);
	text_adds(body, "{\"errors\":[{\"message\":");
	text_json(body, texts->message);
	text_adds(body, ",\"long_message\":");
	text_json(body, long_message);
	text_adds(body, ",\"code\":");
	text_json(body, reply->code);
	add_meta(body, error);
	text_adds(body, "}],\"clerk_trace_id\":");
	text_json(body, reply->trace);
	text_adds(body, "}");
}

void reply_plain_error(struct reply *reply, enum clerk_error error)
{
	reply_error(reply, &(struct reply_error){.error = error});
}

void reply_body(struct reply *reply, const char *content_type, const char *body)
{
	reply->content_type = content_type;
	text_clear(&reply->body);
	text_adds(&reply->body, body);
}

void reply_cloudflare(struct reply *reply, int status)
{
	reply->status = status;
	reply->cloudflare = true;
	reply->content_type = "text/html; charset=UTF-8";
	text_clear(&reply->body);
	text_printf(&reply->body,
		"<!DOCTYPE html>\n<html>\n<head><title>api.clerk.com | %d: Error</title>"
		"</head>\n<body>\n<h1>Error <span>%d</span></h1>\n"
		"<p>The web server reported an error.</p>\n"
		"<p>Cloudflare Ray ID: <strong>%.16s</strong></p>\n</body>\n</html>\n",
		status, status, reply->trace);
}

void reply_retry_after(struct reply *reply, const char *value)
{
	free(reply->retry_after);
	reply->retry_after = mem_copy(value);
}

bool reply_leaves(const struct reply *reply)
{
	return reply->transport != TRANSPORT_RESET &&
	       reply->transport != TRANSPORT_CLOSE && reply->transport != TRANSPORT_STALL;
}
