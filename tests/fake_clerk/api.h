#pragma once

struct fake;
struct request;

#define API_BODY_MAX 65536

/* Judges what a request's headers tell: its endpoint, the strict rules, its key, the rate
 * limit. Called when the headers are complete, with connection, method, path and headers
 * set. Locks the fake. */
void api_arrive(struct fake *fake, struct request *request);

/* Does what the request asks for, chooses its answer and its fault, and records both in
 * the ledger. Called once its body is complete, after api_arrive(). Locks the fake. */
void api_decide(struct fake *fake, struct request *request);

/* Frees what the request holds. */
void api_forget(struct request *request);
