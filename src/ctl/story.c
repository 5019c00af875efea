#include "ctl/story.h"

#include "base/mem.h"
#include "ctl/eta.h"
#include "model/event.h"
#include "model/job.h"

#include <inttypes.h>
#include <string.h>

/* ---- one row ---- */

/* "code (message)", or the one that there is. */
static void error_of(struct buf *out, const char *code, const char *message)
{
	if (code && message)
		buf_printf(out, " %s (%s)", code, message);
	else if (code || message)
		buf_printf(out, " %s", code ? code : message);
}

static void duration_of(struct buf *out, int64_t ms)
{
	if (ms == READER_NONE)
		return;
	if (ms < 10000)
		buf_printf(out, " after %" PRId64 " ms", ms);
	else
		buf_printf(out, " after %" PRId64 " s", ms / 1000);
}

static void effect_of(struct buf *out, const struct reader_event *event)
{
	const char *effect = event->effect ? event->effect : "";

	if (!strcmp(effect, "applied"))
		buf_puts(out, ": Clerk did it");
	else if (!strcmp(effect, "none"))
		buf_puts(out, ": nothing was done at Clerk's");
	else if (!strcmp(effect, "unknown"))
		buf_puts(out, ": whether Clerk did it is not known");
}

static void attempt_of(
	struct buf *out, const struct reader_event *event, const char *what)
{
	bool heard = strcmp(event->event, "interrupted") != 0;

	buf_printf(out, "attempt %" PRId64 " %s", event->attempt, what);
	if (event->http_status != READER_NONE)
		buf_printf(out, " %" PRId64, event->http_status);
	if (heard)
		error_of(out, event->error_code, event->error_message);
	duration_of(out, event->duration_ms);
	effect_of(out, event);
	if (event->next_attempt_at)
		buf_printf(out, "; again at %s UTC", event->next_attempt_at);
}

/* Who stands in the command's own row: the event's are the job's. */
static void by_whom(struct buf *out, const struct reader_event *event,
	const struct reader_command *command, const char *what)
{
	buf_puts(out, what);
	if (event->command_id == READER_NONE)
		return;
	if (event->command_id < 0) {
		buf_puts(out, " by the daemon: max_failures of its batch was reached");
		return;
	}
	buf_printf(out, " by command %" PRId64, event->command_id);
	if (command && command->requested_by && *command->requested_by)
		buf_printf(out, " of %s", command->requested_by);
	if (command && command->reason)
		buf_printf(out, ": %s", command->reason);
}

void story_event(struct buf *out, const struct reader_event *event,
	const struct reader_command *command)
{
	int kind = event->event ? event_parse(event->event) : -1;

	switch (kind) {
	case EVENT_ACCEPTED:
		buf_puts(out, "taken from the queue");
		return;
	case EVENT_REJECTED:
		buf_puts(out, "rejected:");
		error_of(out, NULL, event->error_message);
		return;
	case EVENT_ANSWERED:
		attempt_of(out, event, "was answered");
		return;
	case EVENT_UNANSWERED:
		attempt_of(out, event, "had no usable answer:");
		return;
	case EVENT_INTERRUPTED:
		attempt_of(out, event,
			"was on its way when the daemon ended, and nobody heard the "
			"answer");
		return;
	case EVENT_RECOVERED:
		attempt_of(out, event,
			"was on its way when the daemon ended; its answer was found in "
			"tokens.db");
		return;
	case EVENT_CANCELLED:
		by_whom(out, event, command, "cancelled");
		return;
	case EVENT_RETRIED:
		by_whom(out, event, command, "queued again");
		return;
	case EVENT_LAPSED:
		buf_puts(out, "lapsed: not_after passed before it was sent");
		return;
	case EVENT_PURGED:
		buf_puts(out, "the secret was removed");
		return;
	default:
		return;
	}
}

/* ---- the end ---- */

/* What can be done about a result; %s = the job's id. NULL = nothing has to be. */
static const char *advice_of(int result, int state, bool create)
{
	switch (result) {
	case JOB_RESULT_ALREADY_USED:
		return "Revoking the token does not end that session: end the user's "
		       "sessions in Clerk";
	case JOB_RESULT_NOT_FOUND:
		return create ? "Check the user's id, and that the daemon's key is of "
				"the "
				"instance which the user belongs to; then submit it again"
			      : "Check the token's id, and that the daemon's key is of "
				"the instance which made it";
	case JOB_RESULT_INVALID:
		return state == JOB_REJECTED
			       ? "No request was made; put it right and submit it again"
			       : "Put it right and submit it again";
	case JOB_RESULT_REFUSED:
		return "Once Clerk allows it, `clerk-tokenctl retry %s` sends it again";
	case JOB_RESULT_OUTCOME_UNKNOWN:
		return "`clerk-tokenctl retry %s` tries again: a token that may exist is "
		       "held by nobody, its secret never arrived";
	case JOB_RESULT_GAVE_UP:
		return "Once the cause is gone, `clerk-tokenctl retry %s` starts anew";
	case JOB_RESULT_LAPSED:
		return "Where it is still wanted, submit it again with a later not_after";
	case JOB_RESULT_CANCELLED:
		return "`clerk-tokenctl retry %s` queues it again";
	case JOB_RESULT_DUPLICATE_IDEMPOTENCY_KEY:
		return "No request was made for this one; for another token, submit it "
		       "with another key";
	case JOB_RESULT_POLICY:
		return "No request was made; fill in what the policy wants and submit it "
		       "again, or have the configuration's policy changed";
	case JOB_RESULT_TOO_BIG:
		return "No request was made; submit it again within the limits "
		       "(names and keys 200 bytes, reason 2,000)";
	default:
		return NULL;
	}
}

void story_end(struct buf *out, const struct reader_job *job, bool by_daemon)
{
	int result = job->result ? job_result_parse(job->result) : -1;
	int state = job->state ? job_state_parse(job->state) : -1;
	bool create = job->action && !strcmp(job->action, "create");
	AUTO(free_ptr) char *id = xasprintf("%" PRId64, job->id);
	const char *advice = advice_of(result, state, create), *mark;

	buf_printf(out, "Job %s %s%s at %s UTC", id,
		state == JOB_REJECTED || state == JOB_CANCELLED ? "was " : "",
		job->state ? job->state : "ended",
		job->finished_at ? job->finished_at : "a time not known");
	if (result == JOB_RESULT_CANCELLED && by_daemon)
		buf_puts(out, ": max_failures of its batch was reached");
	else if (result >= 0)
		buf_printf(out, ": %s", job_result_meaning((enum job_result)result));
	if (job->error_message || job->error_code) {
		buf_puts(out, ":");
		error_of(out, job->error_code, job->error_message);
	}
	if (state == JOB_SUCCEEDED && job->sign_in_token_id)
		buf_printf(out, " (%s)", job->sign_in_token_id);
	buf_puts(out, ".");
	if (!advice)
		return;
	mark = strstr(advice, "%s");
	buf_putc(out, ' ');
	buf_append(out, advice, mark ? (size_t)(mark - advice) : strlen(advice));
	if (mark)
		buf_printf(out, "%s%s", id, mark + 2);
	buf_putc(out, '.');
}

void story_unknown(struct buf *out, const struct reader_job *job, const char *trace_id)
{
	bool create = job->action && !strcmp(job->action, "create");
	char count[ETA_TEXT_LEN];

	if (job->unknown_attempts <= 0)
		return;
	eta_count(job->unknown_attempts, count);
	buf_printf(out, "%s attempt%s an unknown effect: ", count,
		job->unknown_attempts == 1 ? " has" : "s have");
	if (create)
		buf_printf(out,
			"%s may exist that nobody can use, because the secret never "
			"arrived; it counts as pending at Clerk's until it expires",
			job->unknown_attempts == 1 ? "a token" : "tokens");
	else
		buf_puts(out, "the token may have been revoked by it; a revoke can be "
			      "repeated without harm");
	if (trace_id)
		buf_printf(out, ". Clerk's dashboard finds it by trace id %s", trace_id);
	buf_puts(out, ".");
}
