#include "faults.h"

#include "mem.h"
#include "parse.h"
#include "rng.h"

#include <stdlib.h>
#include <string.h>

enum value_need { VALUE_NONE, VALUE_OPTIONAL, VALUE_NEEDED };

struct fault_row {
	const char *name;
	enum value_need need;
	int fallback;
	bool acts;
	enum transport transport;
	const char *help;
};

#define FAULT(name, value, def, acts, transport, help)                                   \
	[FAULT_##name] = {#name, VALUE_##value, def, acts, TRANSPORT_##transport, help},
static const struct fault_row table[FAULT__MAX] = {
#include "faults.def"
};
#undef FAULT

static bool value_fits(enum fault_kind kind, long long value)
{
	if (kind == FAULT_status)
		return value >= 200 && value <= 599;
	if (kind == FAULT_echo_authorization)
		return value >= 400 && value <= 599;
	if (kind == FAULT_nested)
		return value >= 1 && value <= 100000;
	return value >= 0 && value <= 64 * 1024 * 1024;
}

bool fault_parse(const char *text, enum fault_kind *ret_kind, int *ret_value)
{
	size_t len = strcspn(text, "=");
	int kind = 0;
	while (kind < FAULT__MAX && (strncmp(table[kind].name, text, len) != 0 ||
					    table[kind].name[len] != '\0'))
		kind++;
	if (kind == FAULT__MAX)
		return false;
	const struct fault_row *row = &table[kind];
	long long value = row->fallback;
	bool given = text[len] == '=';
	if (given ? row->need == VALUE_NONE : row->need == VALUE_NEEDED)
		return false;
	if (given && !parse_number(text + len + 1, 0, 1 << 30, &value))
		return false;
	if (given && !value_fits((enum fault_kind)kind, value))
		return false;
	*ret_kind = (enum fault_kind)kind;
	*ret_value = (int)value;
	return true;
}

const char *fault_name(enum fault_kind kind)
{
	return table[kind].name;
}

void fault_print(enum fault_kind kind, int value, struct text *out)
{
	text_adds(out, table[kind].name);
	if (table[kind].need != VALUE_NONE)
		text_printf(out, "=%d", value);
}

const char *fault_help(enum fault_kind kind)
{
	return table[kind].help;
}

bool fault_acts(enum fault_kind kind, int value)
{
	if (kind == FAULT_status)
		return value < 300;
	return table[kind].acts;
}

enum transport fault_transport(enum fault_kind kind)
{
	return table[kind].transport;
}

bool fault_needs_plain(enum fault_kind kind)
{
	switch (table[kind].transport) {
	case TRANSPORT_HEADERS_FLOOD:
	case TRANSPORT_INTERIM_FLOOD:
	case TRANSPORT_DOUBLE:
		return true;
	default:
		return false;
	}
}

bool fault_chances_add(
	struct fault_chances *chances, const char *fault, double probability)
{
	struct fault_chance chance = {.probability = probability};
	if (!fault_parse(fault, &chance.kind, &chance.value))
		return false;
	double sum = probability;
	for (size_t i = 0; i < chances->n; i++)
		sum += chances->list[i].probability;
	if (!(probability >= 0.0) || sum > 1.0 + 1e-9)
		return false;
	chances->list =
		mem_resize(chances->list, (chances->n + 1) * sizeof(chances->list[0]));
	chances->list[chances->n++] = chance;
	return true;
}

const struct fault_chance *fault_chances_draw(
	const struct fault_chances *chances, struct rng *rng)
{
	if (!chances->n)
		return NULL;
	double left = rng_unit(rng);
	for (size_t i = 0; i < chances->n; i++) {
		left -= chances->list[i].probability;
		if (left < 0)
			return &chances->list[i];
	}
	return NULL;
}

void fault_chances_clear(struct fault_chances *chances)
{
	free(chances->list);
	*chances = (struct fault_chances){0};
}
