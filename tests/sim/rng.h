/* Reproducible random numbers (splitmix64). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* The next 64 random bits. */
static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number from low to high, both included. */
static inline int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
	return low + (int64_t)(rng_next(rng) % (uint64_t)(high - low + 1));
}

/* True in so many of 1000 cases. */
static inline bool rng_permille(struct rng *rng, int permille)
{
	return rng_between(rng, 1, 1000) <= permille;
}
