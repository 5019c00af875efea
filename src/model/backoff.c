#include "model/backoff.h"

#include <assert.h>

int64_t backoff_delay_ms(int tries, int64_t initial_ms, int64_t max_ms, uint32_t random)
{
	int64_t delay = initial_ms;

	assert(tries >= 1 && initial_ms > 0 && max_ms >= initial_ms);
	for (int i = 1; i < tries && delay < max_ms; i++)
		delay *= 2;
	if (delay > max_ms)
		delay = max_ms;
	return delay + (int64_t)((double)delay / 4 * random / UINT32_MAX);
}
