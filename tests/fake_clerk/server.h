#pragma once

#include <stdint.h>

struct fake;
struct server;

/* How to listen. */
struct server_config {
	uint16_t port; /* 0: any free one */
	unsigned int n_threads;
	const char *tls_cert; /* PEM texts, or NULL for plain HTTP; borrowed */
	const char *tls_key;
};

/* Serves fake (borrowed) on 127.0.0.1. Returns NULL, after saying why on stderr, when it
 * cannot. */
struct server *server_new(struct fake *fake, const struct server_config *config);

/* Returns the port it listens on. */
uint16_t server_port(const struct server *server);

/* Ends all connections, also those that wait, and frees; NULL is fine. */
void server_free(struct server *server);
