#include "rng.h"

#include "clock.h"

#include <sys/random.h>

void rng_seed(struct rng *rng, uint64_t seed)
{
	rng->state = seed;
}

void rng_seed_any(struct rng *rng)
{
	uint64_t seed;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uint64_t)clock_mono_us();
	rng_seed(rng, seed);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

double rng_unit(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) / (double)(UINT64_C(1) << 53);
}

int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
	if (high <= low)
		return low;
	return low + (int64_t)(rng_next(rng) % (uint64_t)(high - low + 1));
}

/* Takes from each draw as many characters of `bits` bits as it is good for. */
static void fill(struct rng *rng, char *out, size_t len, const char *alphabet, int bits)
{
	uint64_t draw = 0;
	int left = 0;
	for (size_t i = 0; i < len; i++) {
		if (left < bits) {
			draw = rng_next(rng);
			left = 64;
		}
		out[i] = alphabet[draw & ((UINT64_C(1) << bits) - 1)];
		draw >>= bits;
		left -= bits;
	}
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz"
				"0123456789-_";

void rng_base64url(struct rng *rng, char *out, size_t len)
{
	fill(rng, out, len, base64url, 6);
}

void rng_hex(struct rng *rng, char *out, size_t len)
{
	fill(rng, out, len, "0123456789abcdef", 4);
	out[len] = '\0';
}
