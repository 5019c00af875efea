/*
 * What tells that a database is missing or an older copy, held against the other two;
 * doc/restore.md goes through each of these states. The daemon finds some of them at its
 * start and refuses or holds; here all are looked at, whether it runs or not.
 */
#include "base/clock.h"
#include "ctl/alive.h"
#include "ctl/doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SEE "; see restore.md"
/* The daemon writes tokens.db a moment before audit.db: what is younger than this is not
 * looked at while it runs. */
#define SETTLED_MS 5000

/* Tokens on one side alone. */
struct lost {
	struct doctor *doctor;
	char **ids; /* owned */
	size_t n;
};

static void lost_cleanup(struct lost *lost)
{
	for (size_t i = 0; i < lost->n; i++)
		free(lost->ids[i]);
	free(lost->ids);
}

static void add(struct lost *lost, const char *id)
{
	lost->ids = xrealloc(lost->ids, (lost->n + 1) * sizeof(*lost->ids));
	lost->ids[lost->n++] = xstrdup(id);
}

static int on_secret(void *userdata, const char *token_id, struct error *err)
{
	struct lost *lost = userdata;
	AUTO(reader_token) struct reader_token token = {0};
	int rc = reader_token(lost->doctor->ctl->reader, token_id, &token, err);

	if (rc == READER_E_NONE)
		add(lost, token_id);
	return rc < 0 ? -1 : 0;
}

/* Secrets of tokens that the audit does not know: made after its copy was. */
static int find_unknown(struct doctor *doctor, bool stopped, struct error *err)
{
	AUTO(lost) struct lost lost = {.doctor = doctor};
	char before[CLOCK_TEXT_LEN];

	clock_format(clock_now().wall_ms - (stopped ? 0 : SETTLED_MS), before);
	if (reader_secrets_tokens(doctor->ctl->secrets, before, on_secret, &lost, err) <
		0)
		return -1;
	if (lost.n)
		doctor_say(doctor, DOCTOR_FAIL,
			"revoke them: clerk-tokenctl sql --csv \"SELECT "
			"sign_in_token_id FROM tokens.secret EXCEPT SELECT id FROM "
			"audit.sign_in_token\" | clerk-tokenctl revoke --from - "
			"--reason restored" SEE,
			"audit.db does not know %zu token%s that tokens.db has, %s the "
			"first: it is an older copy",
			lost.n, lost.n == 1 ? "" : "s", lost.ids[0]);
	return 0;
}

/* A token that may be live, whose secret came and was not removed. */
static int on_token(void *userdata, const struct reader_token *token, struct error *err)
{
	struct lost *lost = userdata;
	struct reader_secrets *secrets = lost->doctor->ctl->secrets;
	AUTO(reader_token) struct reader_token now = {0};
	bool has = false;

	if (strcmp(token->life, "may be live") != 0 || !token->token_sha256 ||
		token->purged_at)
		return 0;
	if (secrets && reader_secrets_has(secrets, token->id, &has, err) < 0)
		return -1;
	if (has)
		return 0;
	/* It may have been removed just now. */
	if (reader_token(lost->doctor->ctl->reader, token->id, &now, err) < 0)
		return -1;
	if (!now.purged_at)
		add(lost, token->id);
	return 0;
}

static int find_lost_secrets(struct doctor *doctor, struct error *err)
{
	const struct reader_selector live = {.live = true};
	AUTO(lost) struct lost lost = {.doctor = doctor};

	if (reader_tokens(doctor->ctl->reader, &live, on_token, &lost, err) < 0)
		return -1;
	if (lost.n)
		doctor_say(doctor, DOCTOR_WARN,
			"their links are gone: put the newest tokens.db back, or revoke "
			"them and ask anew: clerk-tokenctl sql --csv \"SELECT id AS "
			"sign_in_token_id FROM audit.token WHERE life = 'may be live' "
			"AND token_sha256 IS NOT NULL AND purged_at IS NULL AND id NOT "
			"IN (SELECT sign_in_token_id FROM tokens.secret)\" | "
			"clerk-tokenctl revoke --from - --reason restored" SEE,
			"tokens.db lacks the secrets of %zu token%s that may be live, %s "
			"the first: it is new, or an older copy",
			lost.n, lost.n == 1 ? "" : "s", lost.ids[0]);
	return 0;
}

/* An audit.db behind tokens.db's mark: the daemon does not start on it. */
static int check_mark(struct doctor *doctor, struct error *err)
{
	struct ctl *ctl = doctor->ctl;
	char hash[READER_HASH_LEN] = "";
	struct reader_mark mark;
	int64_t job = 0;

	if (reader_secrets_mark(ctl->secrets, &mark, err) < 0)
		return -1;
	if (ctl->reader && (reader_hash_at(ctl->reader, mark.seq, hash, err) < 0 ||
				   reader_last_job(ctl->reader, &job, err) < 0))
		return -1;
	if (mark.seq == 0 || (!strcmp(hash, mark.hash) && job >= mark.job_id))
		return 0;
	doctor_say(doctor, DOCTOR_FAIL,
		"put the newest audit.db back; where there is none, start the daemon "
		"once "
		"with clerk-tokend --accept-restore: it starts paused" SEE,
		"audit.db %s: tokens.db has seen its row %" PRId64 " and job %" PRId64,
		ctl->reader ? "went backwards" : "is missing", mark.seq, mark.job_id);
	return 0;
}

/* A queue.db behind audit.db's cursors: held while the daemon runs. */
static int check_queue(struct doctor *doctor, struct error *err)
{
	struct reader_progress progress;
	int64_t job, command;

	if (reader_progress(doctor->ctl->reader, &progress, err) < 0 ||
		reader_queue_last(doctor->ctl->queue, &job, &command, err) < 0)
		return -1;
	if (job >= progress.queue_job && job >= progress.queue_urgent &&
		command >= progress.queue_command)
		return 0;
	doctor_say(doctor, DOCTOR_FAIL,
		"put the newest queue.db back; where there is none, start the daemon "
		"once "
		"with clerk-tokend --new-queue" SEE,
		"queue.db went backwards: it gave out job %" PRId64 ", audit.db took job "
		"%" PRId64,
		job, progress.queue_job);
	return 0;
}

void doctor_restore(struct doctor *doctor)
{
	struct ctl *ctl = doctor->ctl;
	bool stopped = alive_check(ctl->config->state_directory, NULL) == ALIVE_NO;
	struct error err = ERROR_NULL;
	int rc = 0;

	/* While it runs, it has said so itself, or was told to go on. */
	if (stopped && ctl->secrets && (ctl->reader || doctor->no_audit))
		rc = check_mark(doctor, &err);
	if (rc == 0 && stopped && ctl->reader && ctl->queue)
		rc = check_queue(doctor, &err);
	if (rc == 0 && ctl->reader && ctl->secrets)
		rc = find_unknown(doctor, stopped, &err);
	if (rc == 0 && ctl->reader && (ctl->secrets || doctor->no_tokens))
		rc = find_lost_secrets(doctor, &err);
	if (rc < 0)
		doctor_say(doctor, DOCTOR_FAIL, NULL, "%s", err.text);
}
