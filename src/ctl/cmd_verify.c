/* verify. */
#include "base/clock.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/text.h"
#include "ctl/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_anchors(const struct ctl *ctl, struct anchors *anchors)
{
	const char *path = args_get(ctl->args, OPT_ANCHORS);
	bool append = args_has(ctl->args, OPT_APPEND);
	struct error err = ERROR_NULL;

	if (append && !path)
		return ctl_fail(CTL_USAGE, "--append: --anchors FILE says where to");
	for (int i = 0; i < ctl->args->n_values; i++)
		if (ctl->args->values[i].opt == OPT_CHECKPOINT &&
			anchors_add(anchors, ctl->args->values[i].text, &err) < 0)
			return ctl_fail(CTL_USAGE, "--checkpoint: %s", err.text);
	if (append && anchors_none_yet(path))
		path = NULL;
	if (path && access(path, append ? R_OK | W_OK : R_OK) < 0)
		return ctl_fail(errno == EACCES ? CTL_PERMISSION : CTL_MISSING, "%s: %s",
			path, strerror(errno));
	if (path && anchors_read(anchors, path, &err) < 0)
		return ctl_fail(CTL_USAGE, "%s", err.text);
	anchors_sort(anchors);
	return CTL_OK;
}

/* What one of the five lines says. Texts owned. */
struct line {
	char *good;
	char *fault; /* NULL = none */
};

enum { CHAIN, TABLES, ANCHORS, FILE_, SECRETS, LINES };

struct verdict {
	struct line lines[LINES];
	bool broken;
};

static void verdict_cleanup(struct verdict *verdict)
{
	for (int i = 0; i < LINES; i++) {
		free(verdict->lines[i].good);
		free(verdict->lines[i].fault);
	}
}

/* Notes a fault of a line, if it is the first. */
static void blame(struct verdict *verdict, int line, const char *text)
{
	verdict->broken = true;
	if (!verdict->lines[line].fault)
		verdict->lines[line].fault = xstrdup(text);
}

/* NAME: GOOD; or NAME: BROKEN: FAULT where there is one. */
static void print_verdict(struct ctl *ctl, const struct verdict *verdict)
{
	static const char *const names[LINES] = {
		"chain", "tables", "anchors", "file", "secrets"};

	for (int i = 0; i < LINES; i++) {
		const struct line *line = &verdict->lines[i];
		AUTO(buf) struct buf text = BUF_NULL;
		const char *said = line->fault  ? line->fault
				   : line->good ? line->good
						: "not looked at";

		text_escape(&text, said, strlen(said));
		out_printf(&ctl->out, "%s: %s%s\n", names[i],
			line->fault ? "BROKEN: " : "", buf_str(&text));
	}
}

/* ---- the lines ---- */

static char *say_anchors(const struct verify *verify, bool whole)
{
	const struct anchors *anchors = &verify->anchors;
	const char *s = anchors->n == 1 ? "" : "s";

	if (!anchors->n)
		return xstrdup(
			"none given; without one nobody can tell whether rows were "
			"cut off at the end, or the chain was computed anew");
	if (!whole && anchors->at < anchors->n)
		return xasprintf("not ok: %zu of %zu checkpoint%s met before the break",
			anchors->at, anchors->n, s);
	return xasprintf("ok, %zu checkpoint%s", anchors->n, s);
}

/* The chain, then the tables, then what came meanwhile. A chain that is broken does not
 * keep jobs and tokens from being held against what the rows say. 0 or < 0. */
static int walk(struct verify *verify, struct verdict *verdict, struct error *err)
{
	int rc = verify_chain(verify, err);

	if (rc == READER_E_BROKEN)
		blame(verdict, CHAIN, err->text);
	if (rc < 0 || verify_jobs(verify, err) < 0 || verify_tokens(verify, err) < 0)
		return -1;
	if (rc == READER_E_BROKEN)
		return 0;
	rc = verify_rest(verify, err);
	if (rc == READER_E_BROKEN)
		blame(verdict, CHAIN, err->text);
	if (rc == 0)
		anchors_end(&verify->anchors, verify->chain.seq);
	return rc < 0 ? -1 : 0;
}

/* What was found so far, whether the walk came to its end or not. */
static void gather(struct verify *verify, struct verdict *verdict, bool ended)
{
	struct line *lines = verdict->lines;
	bool whole = ended && !lines[CHAIN].fault;

	if (verify->fault)
		blame(verdict, TABLES, verify->fault);
	if (verify->anchors.fault.text[0])
		blame(verdict, ANCHORS, verify->anchors.fault.text);
	lines[ANCHORS].good = say_anchors(verify, whole);
	if (!ended)
		return;
	if (verify->chain.seq)
		lines[CHAIN].good = xasprintf("ok, %" PRId64 " rows, head %" PRId64 ":%s",
			verify->chain.seq, verify->chain.seq, verify->head);
	else
		lines[CHAIN].good = xstrdup("ok, there is no row yet");
	lines[TABLES].good = xasprintf("%s%" PRId64 " jobs, %" PRId64 " tokens, %" PRId64
				       " commands are as the audit tells%s",
		whole ? "ok, " : "not ok: ", verify->n_jobs, verify->n_tokens,
		verify->n_commands, whole ? "" : "; the rest was not looked at");
}

/* The file as a whole; last, as it takes longest. */
static void check_pages(struct verify *verify, struct verdict *verdict)
{
	struct error err = ERROR_NULL;
	AUTO(free_ptr) char *text = NULL;

	if (reader_check_pages(verify->ctl->reader, &text, &err) < 0)
		blame(verdict, FILE_, err.text);
	else if (text)
		blame(verdict, FILE_, text);
	verdict->lines[FILE_].good = xstrdup("ok, whole, with the schema as it was made");
}

static void check_secrets(struct verify *verify, struct verdict *verdict)
{
	struct error err = ERROR_NULL;
	AUTO(free_ptr) char *text = NULL;
	bool broken = false;

	ctl_try_secrets(verify->ctl);
	if (!verify->ctl->secrets) {
		verdict->lines[SECRETS].good =
			xstrdup("not looked at: tokens.db cannot be read");
		return;
	}
	if (verify_secrets(verify, &text, &broken, &err) < 0)
		blame(verdict, SECRETS, err.text);
	else if (broken)
		blame(verdict, SECRETS, text);
	else
		verdict->lines[SECRETS].good = xasprintf("ok, %s", text);
}

static void run(struct verify *verify, struct verdict *verdict)
{
	struct error err = ERROR_NULL;
	bool ended;

	reader_chain_init(&verify->chain);
	ended = walk(verify, verdict, &err) == 0;
	if (!ended)
		blame(verdict, FILE_, err.text);
	gather(verify, verdict, ended);
	check_pages(verify, verdict);
	if (ended)
		check_secrets(verify, verdict);
}

/* The schema comes first: whoever changes it makes the rest say what he likes. 0 go on,
 * or an exit status. */
static int check_schema(struct ctl *ctl, struct verdict *verdict, bool *ret_readable)
{
	AUTO(schema_fault) struct schema_fault fault = {0};
	AUTO(free_ptr) char *path = ctl_audit_path(ctl);
	struct error err = ERROR_NULL;
	int rc = reader_check_schema(path, &fault, &err);

	if (rc)
		return ctl_say_outcome(ctl, "audit.db", rc, &err);
	if (fault.text)
		blame(verdict, FILE_, fault.text);
	*ret_readable = !fault.tables;
	return CTL_OK;
}

/* The next anchor, once all of it held. 0 or an exit status. */
static int append_head(struct ctl *ctl, const struct verify *verify)
{
	const char *path = args_get(ctl->args, OPT_ANCHORS);
	struct error err = ERROR_NULL;

	if (!args_has(ctl->args, OPT_APPEND) || !verify->chain.seq)
		return CTL_OK;
	if (anchors_append(
		    path, clock_now().wall_ms, verify->chain.seq, verify->head, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	out_printf(
		&ctl->out, "appended: %" PRId64 ":%s\n", verify->chain.seq, verify->head);
	return CTL_OK;
}

int cmd_verify(struct ctl *ctl)
{
	AUTO(verify) struct verify verify = {.ctl = ctl};
	AUTO(verdict) struct verdict verdict = {0};
	bool readable = false;
	int status = read_anchors(ctl, &verify.anchors);

	if (status == CTL_OK)
		status = check_schema(ctl, &verdict, &readable);
	if (status)
		return status;
	if (readable)
		ctl_try_audit(ctl);
	/* Where a view is missing, that was said. */
	readable = ctl->reader != NULL;
	if (!readable && !verdict.broken)
		return ctl_open_audit(ctl);
	if (readable)
		run(&verify, &verdict);
	print_verdict(ctl, &verdict);
	return verdict.broken ? CTL_NO : append_head(ctl, &verify);
}
