/* The chain's walk, and who is told of which row; what all parts use. */
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

void verify_column(struct verify *verify, const char *what, const char *column,
	const char *table, const char *audit)
{
	if (!verify_same(table, audit))
		verify_fault(verify, "%s: %s: the table says %s, the audit %s", what,
			column, table ? table : "nothing", audit ? audit : "nothing");
}

void verify_number(struct verify *verify, const char *what, const char *column,
	int64_t table, int64_t audit)
{
	char a[24] = "nothing", b[24] = "nothing";

	if (table == audit)
		return;
	if (table != READER_NONE)
		(void)snprintf(a, sizeof(a), "%" PRId64, table);
	if (audit != READER_NONE)
		(void)snprintf(b, sizeof(b), "%" PRId64, audit);
	verify_column(verify, what, column, a, b);
}

json_t *verify_json(const char *detail)
{
	return detail ? json_loads(detail, 0, NULL) : NULL;
}

const char *verify_member(const json_t *detail, const char *name)
{
	return json_string_value(json_object_get(detail, name));
}

int64_t verify_member_int(const json_t *detail, const char *name, int64_t none)
{
	const json_t *member = json_object_get(detail, name);

	return json_is_integer(member) ? json_integer_value(member) : none;
}

static void free_stops(struct verify *verify)
{
	for (size_t i = 0; i < verify->n_holds; i++) {
		free(verify->holds[i].kind);
		free(verify->holds[i].since);
		free(verify->holds[i].reason);
		free(verify->holds[i].ends);
	}
	for (size_t i = 0; i < verify->n_pauses; i++) {
		free(verify->pauses[i].action);
		free(verify->pauses[i].batch);
		free(verify->pauses[i].until);
		free(verify->pauses[i].since);
	}
	for (size_t i = 0; i < verify->n_resumes; i++) {
		free(verify->resumes[i].action);
		free(verify->resumes[i].batch);
	}
	free(verify->holds);
	free(verify->pauses);
	free(verify->resumes);
}

void verify_deinit(struct verify *verify)
{
	anchors_deinit(&verify->anchors);
	free_stops(verify);
	for (size_t i = 0; i < verify->n_batches; i++) {
		free(verify->batches[i].name);
		free(verify->batches[i].requested_by);
		free(verify->batches[i].reason);
		free(verify->batches[i].taken_at);
	}
	free(verify->batches);
	for (size_t i = 0; i < verify->n_days; i++)
		free(verify->days[i].rollup);
	free(verify->days);
	free(verify->key_kind);
	free(verify->fault);
}

/* ---- secrets that were removed ---- */

static int check_purged(
	struct verify *verify, const struct reader_event *event, struct error *err)
{
	AUTO(reader_token) struct reader_token token = {0};
	AUTO(json) json_t *detail = verify_json(event->detail);
	const char *id = event->sign_in_token_id ? event->sign_in_token_id : "";
	int rc;

	/* An audit that was restored lacks tokens whose secrets tokens.db has. */
	if (verify_same(verify_member(detail, "token"), "unknown"))
		return 0;
	rc = reader_token(verify->ctl->reader, id, &token, err);
	if (rc < 0)
		return -1;
	/* A secret that came back with a restored tokens.db is purged once more: the
	 * table has the last time. */
	if (rc == 0 && verify_same(token.purged_at, event->at))
		verify->n_purged++;
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

static int on_purged_extra(
	void *userdata, const struct reader_cells *cells, struct error *err)
{
	(void)err;
	verify_fault(userdata,
		"token %s: purged_at: the table says %s, no row of the audit does",
		reader_cell(cells, "id"), reader_cell(cells, "purged_at"));
	return 0;
}

/* ---- the walk ---- */

static void note_start(struct verify *verify, const struct reader_event *event)
{
	AUTO(json) json_t *detail = verify_json(event->detail);
	const struct verify_pause pause = {
		.id = -1, .seq = event->seq, .since = event->at};
	const char *kind = verify_member(json_object_get(detail, "key"), "kind");

	free(verify->key_kind);
	verify->key_kind = kind ? xstrdup(kind) : NULL;
	verify->restored_last = json_is_true(json_object_get(detail, "accept_restore"));
	if (!verify->restored_last)
		return;
	verify->restored = true;
	verify_note_pause(verify, &pause);
}

static int note_event(
	struct verify *verify, const struct reader_event *event, struct error *err)
{
	if (!strcmp(event->event, "commanded"))
		return verify_commanded(verify, event, err);
	if (!strcmp(event->event, "purged"))
		return check_purged(verify, event, err);
	if (!strcmp(event->event, "started"))
		note_start(verify, event);
	else
		verify_note_hold(verify, event);
	return 0;
}

static int on_link(void *userdata, const struct reader_link *link, struct error *err)
{
	struct verify *verify = userdata;

	(void)snprintf(verify->head, sizeof(verify->head), "%s", link->hash);
	anchors_meet(&verify->anchors, link->seq, link->hash);
	verify_count(verify, link);
	verify_count_batch(verify, link);
	return link->event ? note_event(verify, link->event, err) : 0;
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

/* ---- what is of one moment ---- */

static int check_counts(struct verify *verify, struct error *err)
{
	AUTO(free_ptr) char *fault = NULL;
	int64_t commands, purged;

	if (reader_replay_tally(verify->ctl->reader, &fault, err) < 0 ||
		reader_replay_counts(verify->ctl->reader, &commands, &purged, err) < 0)
		return -1;
	if (fault)
		verify_fault(verify, "%s", fault);
	if (purged != verify->n_purged &&
		reader_replay_rows(verify->ctl->reader, READER_PURGED_EXTRA,
			on_purged_extra, verify, err) < 0)
		return -1;
	return 0;
}

int verify_rest(struct verify *verify, struct error *err)
{
	static int (*const parts[])(struct verify * verify, struct error * err) = {
		verify_chain, /* what came meanwhile first */
		check_counts,
		verify_commands,
		verify_stops,
		verify_batches,
		verify_progress,
		verify_daily,
	};
	int rc = reader_freeze(verify->ctl->reader, err);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(parts); i++)
		rc = parts[i](verify, err);
	reader_thaw(verify->ctl->reader);
	return rc;
}
