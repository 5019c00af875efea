#pragma once

#include "faults.h"
#include "reply.h"
#include "text.h"

#include <stdbool.h>
#include <stdint.h>

struct script_step;
struct token;

enum action {
	ACTION_OTHER, /* no endpoint of Clerk's */
	ACTION_CREATE,
	ACTION_REVOKE,
	ACTION__MAX,
};

/* What a request did to the tokens. */
enum deed {
	DEED_NONE,
	DEED_GRANTED,
	DEED_REVOKED,
	DEED__MAX,
};

/* The headers that matter. Borrowed from the connection, NULL where absent. */
struct headers {
	const char *authorization;
	const char *content_type;
	const char *version;
	const char *version_param;
	const char *user_agent;
	const char *expect;
	int n_authorization;
	int n_version;
};

#define OVER_LIMIT_WAIT_NONE (-1)

/* A request from its arrival to its answer. Owned by the server, one a connection. */
struct request {
	const char *method; /* borrowed, as is path: raw, without the query */
	const char *path;
	struct headers headers;
	struct text body;
	bool body_too_large;

	int64_t wall_ms; /* when its headers were complete */
	int64_t mono_us;
	long long connection;
	enum action action;
	char *token_id;        /* of a revoke; owned */
	const char *violation; /* of the strict rules, or NULL */
	bool authorized;
	int key;            /* its number in the list of keys, or -1 */
	int64_t limit_wait; /* milliseconds until there would be room, or
			       OVER_LIMIT_WAIT_NONE when it was let in */

	char *user_id; /* of a create; owned, as is org_id */
	char *org_id;
	long long expires_in_seconds; /* 0: not given */

	struct script_step *step; /* a reference, or NULL */
	enum fault_kind fault;
	int fault_value;
	enum deed deed;
	int64_t delay_ms;
	struct token *token; /* borrowed while the lock of the fake is held */
	struct reply reply;
};
