/* The chain's walk, and the tables that are no jobs and no tokens: commands, holds,
 * secrets that were removed, counts. */
#include "ctl/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool verify_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : !a && !b;
}

void verify_fault(struct verify *verify, const char *format, ...)
{
	va_list ap;

	if (verify->fault)
		return;
	va_start(ap, format);
	if (vasprintf(&verify->fault, format, ap) < 0)
		abort();
	va_end(ap);
}

/* ---- commands ---- */

/* The audit's sentence is `VERB done: MESSAGE` or `VERB refused: MESSAGE`; of a row that
 * did not hold it is the message alone. */
static bool is_message(const struct reader_command *command, const char *said)
{
	const char *message = command->message ? command->message : "";
	AUTO(free_ptr) char *whole = NULL;

	if (!said || (command->state && !strcmp(said, message)))
		return true;
	whole = xasprintf(
		"%s %s: %s", command->verb ? command->verb : "", command->state, message);
	return !strcmp(said, whole);
}

static int check_command(
	struct verify *verify, const struct reader_event *event, struct error *err)
{
	AUTO(reader_command) struct reader_command command = {0};
	int rc = reader_command(verify->ctl->reader, event->command_id, &command, err);

	if (rc < 0)
		return -1;
	verify->n_commands++;
	if (rc == READER_E_NONE)
		verify_fault(verify,
			"command %" PRId64 ": row %" PRId64
			" of the audit tells of it, command lacks it",
			event->command_id, event->seq);
	else if (!strcmp(command.state, "running") ||
		 !verify_same(command.finished_at, event->at))
		verify_fault(verify,
			"command %" PRId64
			": the table says %s at %s, the audit that it ended "
			"at %s",
			command.id, command.state,
			command.finished_at ? command.finished_at : "no time", event->at);
	else if (!is_message(&command, event->error_message))
		verify_fault(verify,
			"command %" PRId64 ": message: the table says %s, the audit %s",
			command.id, command.message ? command.message : "nothing",
			event->error_message);
	return 0;
}

/* ---- secrets that were removed ---- */

static int check_purged(
	struct verify *verify, const struct reader_event *event, struct error *err)
{
	AUTO(reader_token) struct reader_token token = {0};
	const char *id = event->sign_in_token_id ? event->sign_in_token_id : "";
	int rc = reader_token(verify->ctl->reader, id, &token, err);

	if (rc < 0)
		return -1;
	/* A secret that came back with a restored tokens.db is purged once more: the
	 * table has the last time. */
	if (rc == 0 && verify_same(token.purged_at, event->at))
		verify->n_purged++;
	/* An audit that was restored lacks tokens whose secrets tokens.db has. */
	if (rc == READER_E_NONE && event->detail &&
		strstr(event->detail, "\"token\":\"unknown\""))
		return 0;
	if (rc == READER_E_NONE)
		verify_fault(verify,
			"token %s: row %" PRId64
			" of the audit purged it, sign_in_token lacks it",
			id, event->seq);
	else if (!token.purged_at)
		verify_fault(verify,
			"token %s: purged_at: the table says nothing, the audit %s", id,
			event->at);
	return 0;
}

/* ---- holds ---- */

static struct verify_hold *find_hold(struct verify *verify, const char *kind)
{
	for (size_t i = 0; i < verify->n_holds; i++)
		if (!strcmp(verify->holds[i].kind, kind))
			return &verify->holds[i];
	return NULL;
}

static void note_hold(struct verify *verify, const struct reader_event *event)
{
	const char *kind = event->error_code ? event->error_code : "";
	struct verify_hold *hold = find_hold(verify, kind);

	if (!hold) {
		verify->holds = xrealloc(
			verify->holds, (verify->n_holds + 1) * sizeof(*verify->holds));
		hold = &verify->holds[verify->n_holds++];
		*hold = (struct verify_hold){.kind = xstrdup(kind)};
	}
	hold->on = !strcmp(event->event, "held");
	free(hold->reason);
	hold->reason = xstrdup(event->error_message);
}

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct verify *verify = userdata;
	struct verify_hold *hold;

	(void)err;
	if (!stop->kind)
		return 0;
	hold = find_hold(verify, stop->kind);
	if (!hold || !hold->on)
		verify_fault(verify, "hold %s: the table has it, the audit does not",
			stop->kind);
	else if (!verify_same(hold->reason, stop->reason))
		verify_fault(verify, "hold %s: the table says %s, the audit %s",
			stop->kind, stop->reason,
			hold->reason ? hold->reason : "nothing");
	if (hold)
		hold->found = true;
	return 0;
}

static int check_holds(struct verify *verify, struct error *err)
{
	if (reader_stops(verify->ctl->reader, on_stop, verify, err) < 0)
		return -1;
	for (size_t i = 0; i < verify->n_holds; i++)
		if (verify->holds[i].on && !verify->holds[i].found)
			verify_fault(verify,
				"hold %s: the audit has it, the table does not",
				verify->holds[i].kind);
	return 0;
}

/* ---- all together ---- */

int verify_event(
	struct verify *verify, const struct reader_event *event, struct error *err)
{
	if (!strcmp(event->event, "commanded"))
		return check_command(verify, event, err);
	if (!strcmp(event->event, "purged"))
		return check_purged(verify, event, err);
	note_hold(verify, event);
	return 0;
}

static int on_link(void *userdata, const struct reader_link *link, struct error *err)
{
	struct verify *verify = userdata;

	(void)snprintf(verify->head, sizeof(verify->head), "%s", link->hash);
	anchors_meet(&verify->anchors, link->seq, link->hash);
	verify_count(verify, link);
	return link->event ? verify_event(verify, link->event, err) : 0;
}

int verify_chain(struct verify *verify, struct error *err)
{
	bool more = true;
	int rc = 0;

	while (rc == 0 && more)
		rc = reader_chain_page(
			verify->ctl->reader, &verify->chain, on_link, verify, &more, err);
	return rc;
}

static int check_counts(struct verify *verify, struct error *err)
{
	AUTO(free_ptr) char *fault = NULL;
	int64_t commands, purged;

	if (reader_replay_tally(verify->ctl->reader, &fault, err) < 0 ||
		reader_replay_counts(verify->ctl->reader, &commands, &purged, err) < 0)
		return -1;
	if (fault)
		verify_fault(verify, "%s", fault);
	if (commands != verify->n_commands)
		verify_fault(verify,
			"command: %" PRId64 " have ended, the audit tells of %" PRId64,
			commands, verify->n_commands);
	if (purged != verify->n_purged)
		verify_fault(verify,
			"sign_in_token: purged_at of %" PRId64
			" is set, the audit tells of %" PRId64,
			purged, verify->n_purged);
	return 0;
}

int verify_rest(struct verify *verify, struct error *err)
{
	int rc = reader_freeze(verify->ctl->reader, err);

	/* What came meanwhile first: counts and holds are of this moment. */
	if (rc == 0)
		rc = verify_chain(verify, err);
	if (rc == 0)
		rc = check_counts(verify, err);
	if (rc == 0)
		rc = verify_daily(verify, err);
	if (rc == 0)
		rc = check_holds(verify, err);
	reader_thaw(verify->ctl->reader);
	return rc;
}
