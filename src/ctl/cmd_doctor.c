/* doctor: what is wrong, with the remedy. */
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/doctor.h"
#include "ctl/named.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct out_column columns[] = {
	{"verdict", OUT_TEXT, offsetof(struct doctor_finding, verdict)},
	{"what", OUT_TEXT, offsetof(struct doctor_finding, what)},
	{"remedy", OUT_TEXT, offsetof(struct doctor_finding, remedy)},
};

static const struct out_list list = {columns, ARRAY_LEN(columns), NULL};

void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *remedy,
	const char *format, ...)
{
	static const char *const words[] = {"ok", "warn", "fail"};
	struct out *out = &doctor->ctl->out;
	AUTO(free_ptr) char *named = named_for(doctor->ctl, remedy);
	struct doctor_finding finding = {.verdict = words[verdict], .remedy = named};
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&finding.what, format, ap) < 0)
		abort();
	va_end(ap);
	if (verdict == DOCTOR_FAIL)
		doctor->failed = true;
	if (out->format == OUT_JSON)
		out_row(out, &finding);
	else
		doctor_print(out, &finding);
	free(finding.what);
}

int cmd_doctor(struct ctl *ctl)
{
	struct doctor doctor = {.ctl = ctl};

	if (ctl->out.format == OUT_JSON)
		out_list_begin(&ctl->out, &list);
	doctor_config(&doctor);
	doctor_program(&doctor);
	if (ctl->config) {
		doctor_files(&doctor);
		doctor_databases(&doctor);
		doctor_restore(&doctor);
		doctor_daemon(&doctor);
		if (!args_has(ctl->args, OPT_OFFLINE))
			doctor_reach(&doctor);
	}
	if (ctl->out.format == OUT_JSON)
		out_list_end(&ctl->out);
	return doctor.failed ? CTL_NO : CTL_OK;
}
