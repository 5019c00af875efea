#include "store/rollup.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SPAN_MAX_MS 1000000

int64_t rollup_span_ms(int64_t duration_ms)
{
	int64_t step = 1;

	if (duration_ms >= SPAN_MAX_MS)
		return SPAN_MAX_MS;
	while (duration_ms > 99 * step)
		step *= 10;
	return (duration_ms + step - 1) / step * step;
}

/* Where a bucket stands: one for each of 0 … 99, then 90 a power of ten. */
static int span_index(int64_t bound_ms)
{
	int base = 0;

	while (bound_ms > 99) {
		bound_ms /= 10;
		base += 90;
	}
	return base + (int)bound_ms;
}

static int64_t span_at(int index)
{
	int64_t step = 1;

	while (index > 99) {
		index -= 90;
		step *= 10;
	}
	return index * step;
}

void rollup_day(const char *at, char ret_day[ROLLUP_DAY_LEN])
{
	(void)snprintf(ret_day, ROLLUP_DAY_LEN, "%s", at ? at : "");
}

static int effect_of(const char *word)
{
	for (int effect = 0; word && effect < EFFECT__MAX; effect++)
		if (!strcmp(word, effect_name((enum effect)effect)))
			return effect;
	return -1;
}

void rollup_add(struct rollup *rollup, const struct rollup_row *row)
{
	int action = row->action ? job_action_parse(row->action) : -1;
	int event = row->event ? event_parse(row->event) : -1;
	int state = row->job_state ? job_state_parse(row->job_state) : -1;
	int effect = effect_of(row->effect);
	int64_t http = row->http_status - ROLLUP_HTTP_MIN;

	if (action < 0)
		action = JOB_ACTION__MAX;
	if (event >= 0)
		rollup->event[action][event]++;
	if (state >= 0)
		rollup->state[action][state]++;
	if (effect >= 0)
		rollup->effect[action][effect]++;
	if (http >= 0 && http < ROLLUP_N_HTTP)
		rollup->http[action][http]++;
	if (row->duration_ms >= 0)
		rollup->latency[action][span_index(rollup_span_ms(row->duration_ms))]++;
}

/* How the counts of one kind are named. */
struct kind {
	const char *name;
	int n;
	const char *(*word)(int index, char text[24]);
};

static const char *event_word(int index, char text[24])
{
	(void)text;
	return event_name((enum event)index);
}

static const char *state_word(int index, char text[24])
{
	(void)text;
	return job_state_name((enum job_state)index);
}

static const char *effect_word(int index, char text[24])
{
	(void)text;
	return effect_name((enum effect)index);
}

static const char *http_word(int index, char text[24])
{
	(void)snprintf(text, 24, "%d", index + ROLLUP_HTTP_MIN);
	return text;
}

static const char *span_word(int index, char text[24])
{
	(void)snprintf(text, 24, "%" PRId64, span_at(index));
	return text;
}

int rollup_each(const struct rollup *rollup,
	int (*fn)(void *userdata, const struct rollup_count *count, struct error *err),
	void *userdata, struct error *err)
{
	static const struct kind kinds[] = {
		{"event", EVENT__MAX, event_word},
		{"state", JOB_STATE__MAX, state_word},
		{"effect", EFFECT__MAX, effect_word},
		{"http", ROLLUP_N_HTTP, http_word},
		{"latency", ROLLUP_N_SPANS, span_word},
	};

	for (int action = 0; action < ROLLUP_ACTIONS; action++) {
		const int32_t *counts[] = {rollup->event[action], rollup->state[action],
			rollup->effect[action], rollup->http[action],
			rollup->latency[action]};
		const char *name = action == JOB_ACTION__MAX
					   ? ""
					   : job_action_name((enum job_action)action);

		for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
			for (int i = 0; i < kinds[kind].n; i++) {
				char text[24];
				struct rollup_count count = {.action = name,
					.kind = kinds[kind].name,
					.n = counts[kind][i]};
				int rc;

				if (!count.n)
					continue;
				count.word = kinds[kind].word(i, text);
				rc = fn(userdata, &count, err);
				if (rc)
					return rc;
			}
	}
	return 0;
}
