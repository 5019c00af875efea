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

void verify_deinit(struct verify *verify)
{
	anchors_deinit(&verify->anchors);
	for (size_t i = 0; i < verify->n_holds; i++) {
		free(verify->holds[i].kind);
		free(verify->holds[i].reason);
	}
	free(verify->holds);
	for (size_t i = 0; i < verify->n_days; i++)
		free(verify->days[i].rollup);
	free(verify->days);
	free(verify->fault);
}

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

/* NAME: ok, GOOD; or NAME: BROKEN: FAULT where there is one. */
static void print(struct ctl *ctl, const char *name, const char *good, const char *fault)
{
	AUTO(buf) struct buf line = BUF_NULL;
	const char *text = fault && *fault ? fault : good;

	text_escape(&line, text, strlen(text));
	out_printf(&ctl->out, "%s: %s%s\n", name, text == fault ? "BROKEN: " : "",
		buf_str(&line));
}

static void print_verdict(struct verify *verify, const struct error *chain)
{
	struct ctl *ctl = verify->ctl;
	size_t n = verify->anchors.n;
	AUTO(free_ptr)
	char *rows = xasprintf("ok, %" PRId64 " rows, head %" PRId64 ":%s",
		verify->chain.seq, verify->chain.seq, verify->head);
	AUTO(free_ptr)
	char *tables = xasprintf("ok, %" PRId64 " jobs, %" PRId64 " tokens, %" PRId64
				 " commands are as the audit tells",
		verify->n_jobs, verify->n_tokens, verify->n_commands);
	AUTO(free_ptr)
	char *anchors = xasprintf("ok, %zu checkpoint%s", n, n == 1 ? "" : "s");

	print(ctl, "chain", verify->chain.seq ? rows : "ok, there is no row yet",
		chain->text);
	print(ctl, "tables", tables, verify->fault);
	print(ctl, "anchors", n ? anchors : "none given", verify->anchors.fault.text);
}

/* Walks the chain, then the tables, then what came meanwhile. A chain that is broken does
 * not keep the tables from being held against what the rows say. 0 or < 0; *ret_chain
 * says where the chain is broken, "" = nowhere. */
static int run(struct verify *verify, struct error *ret_chain, struct error *err)
{
	int rc = verify_chain(verify, err);

	if (rc == READER_E_BROKEN)
		*ret_chain = *err;
	if (rc < 0 || verify_jobs(verify, err) < 0 || verify_tokens(verify, err) < 0)
		return -1;
	if (rc == READER_E_BROKEN)
		return 0;
	rc = verify_rest(verify, err);
	if (rc == READER_E_BROKEN)
		*ret_chain = *err;
	if (rc == 0)
		anchors_end(&verify->anchors, verify->chain.seq);
	return rc < 0 ? -1 : 0;
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
	struct error chain = ERROR_NULL, err = ERROR_NULL;
	int status = read_anchors(ctl, &verify.anchors);

	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	reader_chain_init(&verify.chain);
	if (run(&verify, &chain, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	print_verdict(&verify, &chain);
	if (chain.text[0] || verify.fault || verify.anchors.fault.text[0])
		return CTL_NO;
	return append_head(ctl, &verify);
}
