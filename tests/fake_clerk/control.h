#pragma once

struct fake;
struct text;

/* A call of the control interface. All borrowed. */
struct control_call {
	const char *method;
	const char *path; /* behind /control/ */
	const char *from; /* the query's parameters, or NULL */
	const char *id;
	const struct text *body;
};

/* Does what the call asks for and appends the answer's body to out. Returns the HTTP
 * status. Locks the fake. */
int control_handle(struct fake *fake, const struct control_call *call, struct text *out);
