#pragma once

#include <jansson.h>

struct fake;

/* What a POST to the control interface does with its body. Returns NULL, or what is wrong
 * (a constant text; then nothing was changed). The fake is locked. */
typedef const char *(*control_setter)(struct fake *fake, const json_t *body);

/* {"KIND": probability, ...} in place of all random faults. */
const char *control_set_faults(struct fake *fake, const json_t *body);

/* A list of steps, appended to the script; an empty list empties it. */
const char *control_set_script(struct fake *fake, const json_t *body);

/* {"keys": ["sk_test_...", ...]} in place of all keys. */
const char *control_set_keys(struct fake *fake, const json_t *body);

/* {"kind", "limit", "window_ms", "retry_after", "count_refused"}, each of them optional.
 */
const char *control_set_limit(struct fake *fake, const json_t *body);

/* {"min_ms", "max_ms"}; max_ms is min_ms when absent. */
const char *control_set_latency(struct fake *fake, const json_t *body);

/* {"on": true or false}. */
const char *control_set_maintenance(struct fake *fake, const json_t *body);

/* {"id": "sit_..."}: that token becomes accepted. */
const char *control_set_accepted(struct fake *fake, const json_t *body);

/* {}: no tokens, no ledger, no counts, no script, no random faults, no maintenance, no
 * requests in the rate window. Keys, limit and latency stay. */
const char *control_set_reset(struct fake *fake, const json_t *body);
