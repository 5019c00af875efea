#pragma once

#include <stddef.h>
#include <stdint.h>

/* A small random generator (splitmix64): fast, reproducible from its seed, no secrecy. */
struct rng {
	uint64_t state;
};

/* Starts the generator; the same seed gives the same numbers. */
void rng_seed(struct rng *rng, uint64_t seed);

/* Starts the generator from the kernel's random numbers. */
void rng_seed_any(struct rng *rng);

/* Returns the next 64 random bits. */
uint64_t rng_next(struct rng *rng);

/* Returns a number from 0 to below 1. */
double rng_unit(struct rng *rng);

/* Returns a number from low to high, both included; low when high is not above it. */
int64_t rng_between(struct rng *rng, int64_t low, int64_t high);

/* Writes len random characters of base64url, without a NUL. */
void rng_base64url(struct rng *rng, char *out, size_t len);

/* Writes len random hexadecimal digits and a NUL: out holds len + 1 bytes. */
void rng_hex(struct rng *rng, char *out, size_t len);
