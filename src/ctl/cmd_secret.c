/* secret. */
#include "ctl/batch.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/eta.h"
#include "ctl/ids.h"
#include "ctl/secrets.h"

static int read_words(const struct ctl *ctl, struct ids *ids)
{
	for (int i = 0; i < ctl->args->n_words; i++) {
		int64_t id;

		if (ctl_job_id(ctl->args->words[i], &id))
			return CTL_USAGE;
		ids_add(ids, id);
	}
	return CTL_OK;
}

static int gather(struct ctl *ctl, struct ids *ids)
{
	const char *batch = args_get(ctl->args, OPT_BATCH);
	const struct reader_selector selector = {
		.batch = batch, .action = "create", .state = "succeeded"};
	int status;

	if (!batch == !ctl->args->n_words)
		return ctl_fail(CTL_USAGE, "secret wants either job ids or --batch NAME");
	if (!batch)
		return read_words(ctl, ids);
	status = ids_select(ctl, &selector, ids);
	ids_sort(ids);
	if (status == CTL_OK && ids->n == 0)
		return ctl_fail(CTL_MISSING, "batch %s has no token", batch);
	return status;
}

/* A mail merge must not leave anybody out in silence. */
static void say_missing(struct ctl *ctl)
{
	const char *name = args_get(ctl->args, OPT_BATCH);
	struct error err = ERROR_NULL;
	struct batch batch;
	char left[ETA_TEXT_LEN], failed[ETA_TEXT_LEN];
	int rc;

	if (!name)
		return;
	rc = batch_read(ctl, name, &batch, &err);
	if (rc) {
		(void)ctl_say_outcome(ctl, "queue.db", rc, &err);
		return;
	}
	eta_count(batch_left(&batch), left);
	eta_count(batch_not_succeeded(&batch), failed);
	if (batch_left(&batch) || batch_not_succeeded(&batch))
		ctl_say("not in the list: %s job%s of the batch not over yet, %s that "
			"did "
			"not succeed",
			left, batch_left(&batch) == 1 ? "" : "s", failed);
}

int cmd_secret(struct ctl *ctl)
{
	AUTO(ids) struct ids ids = IDS_NULL;
	bool url = args_has(ctl->args, OPT_URL), token = args_has(ctl->args, OPT_TICKET);
	enum secrets_form form = SECRETS_LIST;
	int status;

	if (url + token + args_has(ctl->args, OPT_JSON) > 1)
		return ctl_fail(CTL_USAGE, "one of --url, --token, --json");
	status = gather(ctl, &ids);
	if (status)
		return status;
	if (token)
		form = SECRETS_TOKEN;
	else if (url || (ids.n == 1 && ctl->args->n_words && ctl->out.format != OUT_JSON))
		form = SECRETS_URL;
	status = secrets_print(ctl, form, ids.ids, ids.n);
	say_missing(ctl);
	return status;
}
