#pragma once

#include <stdbool.h>

struct fake;
struct request;

/* Reads and checks the body of a create into user_id, org_id and expires_in_seconds.
 * Returns false when Clerk would refuse it, with that answer in the request's reply. */
bool create_read(struct request *request);

/* Grants the token that create_read() read and points the request at it, or makes the
 * reply the error that the user or organization calls for. The fake is locked. */
void create_token(struct fake *fake, struct request *request);
