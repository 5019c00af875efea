/* Values among the arguments, and how a listing ends. */
#include "ctl/ctl.h"

#include "base/parse.h"
#include "model/job.h"

#include <inttypes.h>

#define LIMIT_TABLE 1000

int ctl_number(
	const char *what, const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
	if (parse_int64(text, min, max, ret_value))
		return CTL_OK;
	return ctl_fail(CTL_USAGE,
		"%s: \"%s\" is not a whole number from %" PRId64 " to %" PRId64, what,
		text, min, max);
}

int ctl_job_id(const char *text, int64_t *ret_id)
{
	return ctl_number("job", text, 1, JOB_ID_MAX, ret_id);
}

int ctl_limit(const struct ctl *ctl, int64_t *ret_limit)
{
	const char *text = args_get(ctl->args, OPT_LIMIT);

	*ret_limit = ctl->out.format == OUT_TABLE ? LIMIT_TABLE : 0;
	return text ? ctl_number("--limit", text, 0, INT64_MAX - 1, ret_limit) : CTL_OK;
}

void ctl_end_list(struct ctl *ctl, const char *what, bool more)
{
	int64_t n = ctl->out.n_printed;

	if (more)
		ctl_say("only %" PRId64
			" %s are shown, there are more: --limit 0 shows all",
			n, what);
	else if (n == 0 && ctl->out.format == OUT_TABLE)
		ctl_say("no %s", what);
	if (ctl->out.cut)
		ctl_say("long cells end with an ellipsis: --json shows them whole");
	ctl->out.cut = false;
}
