/* Holds: the gate keeps them, the audit tells of them, people read why. */
#include "base/fit.h"
#include "engine/engine_internal.h"

#include <string.h>

void engine_hold(
	struct engine *engine, enum hold_kind kind, const char *reason, const char *ends)
{
	struct hold_note *note = &engine->holds[kind];
	char before[sizeof(note->reason)];
	bool changed;

	memcpy(before, note->reason, sizeof(before));
	(void)fit_printf(note->reason, sizeof(note->reason), "%s", reason);
	/* Which of the two files finds the disk full differs from try to try. */
	changed = !note->on_now ||
		  (!engine_ends_by_commit(kind) && strcmp(note->reason, before) != 0);
	(void)gate_hold(&engine->gate, kind, engine->now.mono_ms);
	if (!note->on_now)
		note->since_ms = engine->now.wall_ms;
	note->on_now = true;
	(void)fit_printf(note->ends, sizeof(note->ends), "%s", ends);
	if (!changed)
		return;
	engine->changes++;
	engine_say(engine, LOG_LEVEL_WARNING, NULL, NULL, "held: %s: %s; ends with: %s",
		hold_name(kind), reason, ends);
}

void engine_release(struct engine *engine, enum hold_kind kind, const char *why)
{
	struct hold_note *note = &engine->holds[kind];

	(void)gate_release(&engine->gate, kind);
	note->on_now = false;
	engine->changes++;
	engine_say(engine, LOG_LEVEL_INFO, NULL, NULL, "released: %s: %s",
		hold_name(kind), why);
}

int engine_record_holds(struct engine *engine, struct error *err)
{
	for (int kind = 0; kind < HOLD__MAX; kind++) {
		struct hold_note *note = &engine->holds[kind];
		const char *name = hold_name((enum hold_kind)kind);
		/* A full disk or a locked file could not be told while it lasted: it is
		 * told by the turn that tries whether it is over. */
		bool untold = engine_ends_by_commit(kind) && note->on_now;

		if (note->on == note->on_now)
			continue;
		if (note->on_now && ledger_hold(engine->ledger, name, note->reason,
					    note->ends, err) < 0)
			return -1;
		if ((!note->on_now || untold) &&
			ledger_release(engine->ledger, name, note->reason, err) < 0)
			return -1;
	}
	return 0;
}

void engine_holds_recorded(struct engine *engine)
{
	for (int kind = 0; kind < HOLD__MAX; kind++) {
		struct hold_note *note = &engine->holds[kind];

		if (engine_ends_by_commit(kind) && note->on_now)
			engine_release(
				engine, (enum hold_kind)kind, "it can be written again");
		note->on = note->on_now;
		if (!note->on)
			note->reason[0] = '\0';
	}
}
