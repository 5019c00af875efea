#include "ctl/doctor.h"

#include "base/buf.h"
#include "base/secret_key.h"
#include "ctl/alive.h"
#include "ctl/out_colour.h"
#include "ctl/text.h"
#include "store/db.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

void doctor_print(struct out *out, const struct doctor_finding *finding)
{
	AUTO(buf) struct buf line = BUF_NULL;

	text_escape(&line, finding->what, strlen(finding->what));
	if (finding->remedy) {
		buf_puts(&line, ": ");
		text_escape(&line, finding->remedy, strlen(finding->remedy));
	}
	out_paint(out, finding->verdict);
	out_printf(
		out, "%*s  %s\n", 4 - (int)strlen(finding->verdict), "", buf_str(&line));
}

#define WRITE_KEY                                                                          \
	"write Clerk's secret key (sk_live_… or sk_test_…) into it and nothing else, " \
	"then reload the daemon"

/* What the daemon would find in it. */
static void key_in_file(struct doctor *doctor, const char *path)
{
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind;
	struct error err = ERROR_NULL;

	switch (secret_key_load(doctor->ctl->config, &key, &kind, &err)) {
	case 0:
		doctor_say(doctor, DOCTOR_OK, NULL, "key: %s (a %s key)", path,
			secret_key_kind_name(kind));
		break;
	case SECRET_KEY_E_PERMISSION:
		doctor_say(doctor, DOCTOR_FAIL, NULL, "key: %s", err.text);
		break;
	case SECRET_KEY_E_KIND:
		doctor_say(doctor, DOCTOR_WARN, WRITE_KEY, "key: %s", err.text);
		break;
	default:
		doctor_say(doctor, DOCTOR_FAIL, WRITE_KEY, "key: %s", err.text);
	}
	secret_deinit(&key);
}

static void key_file(struct doctor *doctor, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == EACCES)
		doctor_say(doctor, DOCTOR_OK, NULL,
			"key: %s, which is not for you to see", path);
	else if (stat(path, &st) < 0)
		doctor_say(doctor, DOCTOR_FAIL,
			"put Clerk's secret key there, mode 0600, owned by the daemon's "
			"user",
			"key: %s: %s", path, strerror(errno));
	else if (st.st_mode & (S_IROTH | S_IWOTH))
		doctor_say(doctor, DOCTOR_FAIL, "chmod 0600 it, and rotate the key",
			"key: everybody on this machine can read %s", path);
	else if (access(path, R_OK) < 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			"key: %s, which is not for you to read", path);
	else
		key_in_file(doctor, path);
}

void doctor_config(struct doctor *doctor)
{
	struct ctl *ctl = doctor->ctl;
	struct error err = ERROR_NULL;
	int status;

	if (ctl_load_config(ctl, &err, &status) < 0) {
		doctor_say(doctor, DOCTOR_FAIL,
			"clerk-tokend --check says more; -c FILE names another",
			"configuration: %s", err.text);
		return;
	}
	doctor_say(doctor, DOCTOR_OK, NULL, "configuration: %s", ctl->config->path);
	if (*ctl->config->clerk_secret_key_file)
		key_file(doctor, ctl->config->clerk_secret_key_file);
	else
		doctor_say(doctor, DOCTOR_OK, NULL,
			"key: by systemd's LoadCredential=clerk_secret_key");
}

static void sqlite_version(struct doctor *doctor)
{
	int version = db_library_number();

	if (version < 3037000)
		doctor_say(doctor, DOCTOR_FAIL, "3.37 or later is needed", "SQLite %s",
			db_library_version());
	else if (version <= 3051002)
		doctor_say(doctor, DOCTOR_OK, NULL,
			"SQLite %s (has the WAL-reset race of 3.7.0 to 3.51.2; the "
			"daemon's own "
			"files cannot be reached by it)",
			db_library_version());
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "SQLite %s", db_library_version());
}

void doctor_program(struct doctor *doctor)
{
	struct timex timex = {.modes = 0};
	int state = adjtimex(&timex);

	sqlite_version(doctor);
	if (state < 0)
		doctor_say(doctor, DOCTOR_OK, NULL, "clock: cannot be asked");
	else if (state == TIME_ERROR || (timex.status & STA_UNSYNC))
		doctor_say(doctor, DOCTOR_WARN,
			"run systemd-timesyncd or chrony: tokens expire by the clock",
			"clock: not synchronized");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "clock: synchronized");
}

static void say_pause(struct doctor *doctor, const struct reader_stop *stop)
{
	AUTO(free_ptr)
	char *remedy = xasprintf("clerk-tokenctl resume%s%s%s%s%s ends it",
		stop->action ? " --action " : "", stop->action ? stop->action : "",
		stop->batch ? " --batch '" : "", stop->batch ? stop->batch : "",
		stop->batch ? "'" : "");

	doctor_say(doctor, DOCTOR_WARN, remedy, "paused: %s%s%s",
		stop->action ? stop->action : "everything",
		stop->batch ? " of batch " : "", stop->batch ? stop->batch : "");
}

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct doctor *doctor = userdata;

	(void)err;
	if (stop->kind && !strcmp(stop->kind, "queue"))
		doctor_say(doctor, DOCTOR_FAIL,
			"put the newest queue.db back; where there is none, stop the "
			"daemon and start it once with clerk-tokend --new-queue; see "
			"restore.md",
			"held: queue: %s", stop->reason);
	else if (!stop->kind && !stop->batch && stop->command_id < 0)
		doctor_say(doctor, DOCTOR_WARN,
			"clerk-tokenctl jobs --state queued shows what would be sent, "
			"some of it once more; cancel what was done, then clerk-tokenctl "
			"resume; see restore.md",
			"paused: everything, because databases were restored");
	else if (stop->kind)
		doctor_say(doctor, DOCTOR_FAIL, stop->ends, "held: %s: %s", stop->kind,
			stop->reason);
	else
		say_pause(doctor, stop);
	return 0;
}

void doctor_daemon(struct doctor *doctor)
{
	struct ctl *ctl = doctor->ctl;
	struct error err = ERROR_NULL;
	int64_t pid;

	switch (alive_check(ctl->config->state_directory, &pid)) {
	case ALIVE_YES:
		doctor_say(doctor, DOCTOR_OK, NULL, "daemon: running, process %" PRId64,
			pid);
		break;
	case ALIVE_NO:
		doctor_say(doctor, DOCTOR_FAIL, "systemctl start clerk-tokend",
			"daemon: not running");
		break;
	case ALIVE_UNKNOWN:
		doctor_say(doctor, DOCTOR_WARN, "its lock should have the mode 0644",
			"daemon: its lock cannot be looked at");
		break;
	}
	if (ctl->reader && reader_stops(ctl->reader, on_stop, doctor, &err) < 0)
		doctor_say(doctor, DOCTOR_FAIL, NULL, "audit.db: %s", err.text);
}
