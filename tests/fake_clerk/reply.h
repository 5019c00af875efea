#pragma once

#include "errors.h"
#include "text.h"

#include <stdbool.h>

struct rng;

/* How an answer goes out. */
enum transport {
	TRANSPORT_PLAIN,         /* as HTTP wants it */
	TRANSPORT_RESET,         /* RST, not a byte */
	TRANSPORT_CLOSE,         /* FIN, not a byte */
	TRANSPORT_STALL,         /* never, until the client goes */
	TRANSPORT_RESET_MIDDLE,  /* head and half of the body, then RST */
	TRANSPORT_CLOSE_MIDDLE,  /* head and half of the body, then FIN */
	TRANSPORT_HEADERS_FLOOD, /* with 2,000 headers of 64 bytes */
	TRANSPORT_INTERIM_FLOOD, /* behind 1,000 interim answers */
	TRANSPORT_DOUBLE,        /* twice */
	TRANSPORT_DRIP,          /* a byte of the body each drip_ms */
	TRANSPORT_ENDLESS,       /* a body that does not end */
	TRANSPORT__MAX,
};

/* An answer, before it is sent. Owns its text. */
struct reply {
	int status;
	const char *code; /* of the error, or NULL; lives as long as the fault it is of */
	const char *content_type;
	struct text body;
	char *location;    /* of a redirect, or NULL */
	char *retry_after; /* or NULL; a newline separates two headers */
	bool cloudflare;   /* not Clerk's: only cf-ray names it */
	char trace[33];
	enum transport transport;
	int drip_ms;
};

/* Makes reply an empty 200 of type JSON with a new trace id. */
void reply_init(struct reply *reply, struct rng *rng);

/* Frees what the reply holds. */
void reply_deinit(struct reply *reply);

/* What an error says; NULL (or 0) where errors.def has the right text. */
struct reply_error {
	enum clerk_error error;
	int status;
	const char *code; /* borrowed until the reply is freed */
	const char *long_message;
	const char *param; /* meta.param_name */
	const char *extra; /* put into the body as meta.request.authorization */
};

/* Makes reply this error, with Clerk's body. */
void reply_error(struct reply *reply, const struct reply_error *error);

/* Makes reply this error with the texts of errors.def. */
void reply_plain_error(struct reply *reply, enum clerk_error error);

/* Replaces the body. */
void reply_body(struct reply *reply, const char *content_type, const char *body);

/* Makes reply the error page of Cloudflare, as HTML, for a status. */
void reply_cloudflare(struct reply *reply, int status);

/* Returns whether any byte of it is meant to leave. */
bool reply_leaves(const struct reply *reply);

/* Sets Retry-After (copied; NULL removes it). */
void reply_retry_after(struct reply *reply, const char *value);
