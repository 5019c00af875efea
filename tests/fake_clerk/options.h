#pragma once

#include "fake.h"

#include <stdbool.h>
#include <stdint.h>

/* What the command line says. The strings are those of argv. */
struct options {
	uint16_t port;
	const char *port_file;
	const char *tls_cert;
	const char *tls_key;
	unsigned int n_threads;
	const char *ledger;
	bool no_ledger;
	bool seeded;
	uint64_t seed;
	bool help;
};

/* Reads the command line into options and fake (both zeroed before). Returns false, after
 * saying why on stderr, when it is wrong. */
bool options_read(int argc, char **argv, struct options *options, struct fake *fake);

/* Prints the help, with the list of faults, on stdout. */
void options_help(void);
