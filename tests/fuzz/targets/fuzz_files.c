/*
 * Any bytes as one of the small files that are read, by the first byte: the key's file,
 * status.json as `status` prints it, and as the estimates read it, the lock's process id.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "base/parse.h"
#include "base/secret_key.h"
#include "ctl/alive.h"
#include "ctl/care.h"
#include "ctl/pace.h"
#include "ctl/text.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static struct config *config;

/* A configuration whose files are all in this process's folder, and a daemon that runs:
 * its lock is held. */
static void prepare(void)
{
	AUTO(free_ptr) char *text = NULL;
	AUTO(free_ptr) char *lock = NULL;
	struct error err = ERROR_NULL;
	int fd;

	if (config)
		return;
	text = xasprintf("state_directory = \"%s\"; runtime_directory = \"%s\";"
			 "clerk: { secret_key_file = \"%s/key\"; };\n",
		fuzz_folder(), fuzz_folder(), fuzz_folder());
	must(unsetenv("CREDENTIALS_DIRECTORY") == 0);
	must(config_load(fuzz_file("conf", text, strlen(text)), &config, &err) == 0);
	lock = xstrdup(fuzz_file("lock", "4711\n", 5));
	fd = open(lock, O_RDWR | O_CLOEXEC);
	must(fd >= 0 && flock(fd, LOCK_EX) == 0);
}

/* ---- the key ---- */

/* Nothing of what may be a key may be said; words that the texts hold anyway are none. */
static void check_told_nothing(const char *said, const char *key)
{
	if (strlen(key) >= 12 && strncmp(key, "sk_live_", strlen(key)) != 0)
		must(!strstr(said, key));
}

static void check_key(const struct secret *key, enum secret_key_kind kind, int rc,
	const struct fuzz_input *file)
{
	size_t len = key->len;
	char print[17];

	must(len >= 4 && len <= 4096 && len <= file->len && strlen(key->text) == len);
	must(!memcmp(key->text, file->data, len) && !memcmp(key->text, "sk_", 3));
	for (size_t i = 0; i < len; i++)
		must(key->text[i] > ' ' && key->text[i] <= '~');
	for (size_t i = len; i < file->len; i++)
		must(file->data[i] == '\n' || file->data[i] == '\r');
	must((kind == SECRET_KEY_LIVE) ==
		(!strncmp(key->text, "sk_live_", 8) && len > 8));
	must((kind == SECRET_KEY_TEST) ==
		(!strncmp(key->text, "sk_test_", 8) && len > 8));
	must((kind == SECRET_KEY_UNKNOWN) == (rc == SECRET_KEY_E_KIND));
	secret_key_fingerprint(key, print);
	must(strlen(print) == 16 && !print[strspn(print, "0123456789abcdef")]);
}

static void read_key(const struct fuzz_input *file)
{
	AUTO(secret) struct secret key = SECRET_NULL;
	AUTO(free_ptr) char *text = NULL;
	struct fuzz_input copy = *file;
	enum secret_key_kind kind = SECRET_KEY__MAX;
	struct error err = ERROR_NULL;
	int rc;

	(void)chmod(fuzz_file("key", file->data, file->len), 0600);
	rc = secret_key_load(config, &key, &kind, &err);
	must(rc <= 0 || rc == SECRET_KEY_E_KIND);
	if (rc >= 0)
		check_key(&key, kind, rc, file);
	else
		must(!key.text && kind == SECRET_KEY__MAX);
	must(rc == 0 ? !*err.text : fuzz_is_line(err.text));
	text = fuzz_line(&copy);
	check_told_nothing(err.text, text);
}

/* ---- status.json ---- */

static void check_lines(struct buf *text)
{
	char *rest = text->data, *line;

	must(!text->len || strlen(text->data) == text->len);
	while (text->len && (line = strsep(&rest, "\n")))
		must(!*line || fuzz_is_line(line));
}

static int run_status(bool as_json)
{
	char *argv[] = {(char *)(uintptr_t) "clerk-tokenctl", (char *)(uintptr_t) "-c",
		config->path, (char *)(uintptr_t) "status",
		(char *)(uintptr_t)(as_json ? "--json" : NULL), NULL};
	int status;

	fuzz_io_begin();
	status = ctl_main(as_json ? 5 : 4, argv);
	fuzz_io_end();
	must(status == CTL_OK || (status == CTL_NO));
	check_lines(&fuzz_io.err);
	return status;
}

static void show_status(const struct fuzz_input *file)
{
	json_t *in = json_loadb((const char *)file->data, file->len, 0, NULL), *out;
	int status, as_json;

	(void)fuzz_file("status.json", file->data, file->len);
	as_json = run_status(true);
	out = fuzz_io.out.len ? json_loads(fuzz_io.out.data, 0, NULL) : NULL;
	must(!fuzz_io.out.len || json_is_object(out));
	if (json_is_object(in) && out) {
		(void)json_object_set_new(in, "running", json_true());
		must(json_equal(in, out));
	}
	json_decref(in);
	json_decref(out);
	status = run_status(false);
	must(status == as_json);
	check_lines(&fuzz_io.out);
}

static void estimate(const struct fuzz_input *file)
{
	AUTO(args) struct args args = ARGS_NULL;
	struct ctl ctl = {.config = config, .args = &args};
	AUTO(pace) struct pace pace;
	static const int64_t counts[] = {1, 7, 1000, 123456789, INT64_MAX};

	(void)fuzz_file("status.json", file->data, file->len);
	pace_read(&ctl, &pace);
	must(pace.budget >= 1 && pace.urgent_budget >= 1 && pace.window_ms >= 1);
	must(pace.concurrency >= 1 && pace.used >= 0 && pace.opens_ms >= 0);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct eta eta = pace_eta(&pace, counts[i], i % 2);
		char span[ETA_TEXT_LEN];

		must(eta_ms(&eta) >= 0);
		eta_span(eta_ms(&eta), span);
		must(fuzz_is_line(span));
		fuzz_io_begin();
		care_say_cost(&ctl, "create", counts[i], i % 2);
		fuzz_io_end();
		check_lines(&fuzz_io.err);
	}
}

/* ---- the lock ---- */

static void read_lock(const struct fuzz_input *file)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/other", fuzz_folder());
	int64_t pid = -1;

	(void)mkdir(folder, 0700);
	(void)fuzz_file("other/lock", file->data, file->len);
	must(alive_check(folder, &pid) == ALIVE_NO);
	must(pid >= 0 && pid <= INT32_MAX);
}

/* fault: K3 L6 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};

	prepare();
	switch (fuzz_byte(&input) % 4) {
	case 0:
		read_key(&input);
		break;
	case 1:
		show_status(&input);
		break;
	case 2:
		estimate(&input);
		break;
	case 3:
		read_lock(&input);
		break;
	}
	return 0;
}
