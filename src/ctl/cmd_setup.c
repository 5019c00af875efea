/* setup: what an instance needs on this machine. */
#include "ctl/alive.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAIN "clerk-tokend"

/* An instance's names. */
struct place {
	const char *instance; /* borrowed; NULL = the main one */
	char *conf;
	char *key;
	char *state;
	char *tmpfiles; /* of its own in /etc/tmpfiles.d; NULL = the main one */
	char *unit;     /* what follows a unit's name: "@NAME" or "" */
};

static void place_cleanup(struct place *place)
{
	free(place->conf);
	free(place->key);
	free(place->state);
	free(place->tmpfiles);
	free(place->unit);
}

static void name_place(struct place *place)
{
	const char *name = place->instance;

	place->key = name ? xasprintf("/etc/clerk-tokend/%s.clerk_secret_key", name)
			  : xstrdup("/etc/clerk-tokend/clerk_secret_key");
	place->state = name ? xasprintf("/var/lib/clerk-tokend-%s", name)
			    : xstrdup("/var/lib/clerk-tokend");
	if (name)
		place->tmpfiles = xasprintf("/etc/tmpfiles.d/clerk-tokend-%s.conf", name);
	place->unit = name ? xasprintf("@%s", name) : xstrdup("");
}

/* 0 or an exit status. */
static int find_place(const struct ctl *ctl, struct place *ret)
{
	const char *name = ctl_instance(ctl);
	struct error err = ERROR_NULL;

	if (args_has(ctl->args, OPT_CONFIG))
		return ctl_fail(CTL_USAGE, "setup takes no -c: it makes "
					   "/etc/clerk-tokend/NAME.conf for -i NAME");
	if (name && !strcmp(name, MAIN))
		return ctl_fail(CTL_USAGE,
			"\"" MAIN "\" is the configuration without -i, no instance");
	if (config_find(NULL, name, &ret->conf, &err) < 0)
		return ctl_fail(CTL_USAGE, "%s", err.text);
	if (geteuid() != 0)
		return ctl_fail(CTL_PERMISSION,
			"setup makes users, groups and folders, so it needs root: sudo "
			"clerk-tokenctl setup%s%s",
			name ? " -i " : "", name ? name : "");
	ret->instance = name;
	name_place(ret);
	return CTL_OK;
}

static void say(struct ctl *ctl, const char *what, const char *verdict)
{
	out_printf(&ctl->out, "%s: %s\n", what, verdict);
}

static char *title_of(const struct setup_item *item)
{
	switch (item->kind) {
	case SETUP_GROUP:
		return xasprintf("group %s", item->name);
	case SETUP_USER:
		return xasprintf("user %s", item->name);
	case SETUP_MEMBER:
		return xasprintf("user %s in group %s", item->name, item->group);
	case SETUP_FOLDER:
		break;
	}
	return xasprintf("folder %s (%04o %s:%s)", item->name, (unsigned)item->mode,
		item->user, item->group);
}

/* Says what became of each. Returns whether all is as it must be. */
static bool tell(struct ctl *ctl, const struct setup *setup)
{
	bool all = true;

	for (size_t i = 0; i < setup->n; i++) {
		const struct setup_item *item = &setup->items[i];
		AUTO(free_ptr) char *title = title_of(item);
		AUTO(free_ptr)
		char *put_right =
			item->was ? xasprintf("put right, was %s", item->was) : NULL;
		bool right = setup_state(item) == SETUP_RIGHT;

		say(ctl, title,
			!right                          ? "could not be made"
			: item->before == SETUP_MISSING ? "made"
			: item->before == SETUP_WRONG   ? put_right
							: "was there");
		all = all && right;
	}
	return all;
}

/* The plan, and the text of the instance's own file of tmpfiles.d. */
static int read_plan(const struct place *place, struct setup *setup,
	struct buf *ret_tmpfiles, struct error *err)
{
	AUTO(buf) struct buf users = BUF_NULL;
	AUTO(buf) struct buf folders = BUF_NULL;

	if (setup_read("sysusers.d", &users, err) < 0 ||
		setup_read("tmpfiles.d", &folders, err) < 0)
		return -1;
	if (place->instance) {
		buf_printf(ret_tmpfiles,
			"# The folders of the instance %s, by clerk-tokenctl setup -i "
			"%s, which writes\n# this file again where it differs.\n",
			place->instance, place->instance);
		setup_instance_tmpfiles(buf_str(&folders), place->instance, ret_tmpfiles);
	}
	if (setup_parse_sysusers(setup, buf_str(&users), err) < 0)
		return -1;
	return setup_parse_tmpfiles(
		setup, place->instance ? buf_str(ret_tmpfiles) : buf_str(&folders), err);
}

static bool holds(const char *path, const char *text)
{
	AUTO(buf) struct buf found = BUF_NULL;
	FILE *file = fopen(path, "re");
	int c;

	while (file && (c = fgetc(file)) != EOF)
		buf_putc(&found, (char)c);
	if (file)
		(void)fclose(file);
	return file && !strcmp(buf_str(&found), text);
}

static int write_tmpfiles(
	struct ctl *ctl, const struct place *place, const char *text, struct error *err)
{
	AUTO(free_ptr) char *title = xasprintf("file %s", place->tmpfiles);
	bool there = access(place->tmpfiles, F_OK) == 0;

	if (holds(place->tmpfiles, text)) {
		say(ctl, title, "was there");
		return 0;
	}
	if (setup_write(place->tmpfiles, text, true, err) < 0)
		return -1;
	say(ctl, title, there ? "written again" : "made");
	return 0;
}

/* The example with the instance's folder in it; one that is there is somebody's work. */
static int write_conf(
	struct ctl *ctl, const struct place *place, bool *ret_made, struct error *err)
{
	AUTO(free_ptr) char *title = xasprintf("file %s", place->conf);
	AUTO(free_ptr) char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	int rc;

	if (!file)
		abort();
	config_print_example_for(file, place->instance ? place->state : NULL);
	(void)fclose(file);
	rc = setup_write(place->conf, text, false, err);
	if (rc < 0)
		return -1;
	say(ctl, title, rc ? "was there" : "made");
	*ret_made = rc == 0;
	return 0;
}

static int make(struct ctl *ctl, const struct place *place, bool *ret_made_conf,
	struct error *err)
{
	AUTO(setup) struct setup setup = SETUP_NULL;
	AUTO(buf) struct buf tmpfiles = BUF_NULL;
	const char *files[] = {MAIN ".conf", place->tmpfiles};

	if (read_plan(place, &setup, &tmpfiles, err) < 0)
		return -1;
	setup_look(&setup);
	if (setup_make_users(&setup, err) < 0)
		return -1;
	if (place->tmpfiles && write_tmpfiles(ctl, place, buf_str(&tmpfiles), err) < 0)
		return -1;
	if (setup_make_folders(&setup, files, place->tmpfiles ? 2 : 1, err) < 0)
		return -1;
	if (!tell(ctl, &setup))
		return error_set(err, "not all of it could be made");
	return write_conf(ctl, place, ret_made_conf, err);
}

/* What a person still has to do, each on a line with the command for it. */
static void tell_next(struct ctl *ctl, const struct place *place, bool made_conf)
{
	const struct config *config = ctl->config;
	const char *key = config && *config->clerk_secret_key_file
				  ? config->clerk_secret_key_file
				  : place->key;
	const char *unit = place->unit;
	bool no_key = access(key, F_OK) < 0;
	bool runs = config && alive_check(config->state_directory, NULL) == ALIVE_YES;

	if (runs)
		return;
	out_printf(&ctl->out, "\nto be done by you:\n");
	if (no_key)
		out_printf(&ctl->out,
			"  put Clerk's secret key into %s:\n"
			"    install -m 600 /dev/stdin %s    # paste it, Enter, Ctrl-D\n",
			key, key);
	if (made_conf)
		out_printf(&ctl->out, "  look through %s: every key is explained there\n",
			place->conf);
	out_printf(&ctl->out,
		"  start it:\n    systemctl enable --now " MAIN "%s\n"
		"  let people in, who log in again then:\n"
		"    adduser PERSON clerk-audit     # auditors: what happened\n"
		"    adduser PERSON clerk-submit    # submitters: in both groups\n"
		"  if you like, each day a report, a backup, an anchor of the audit:\n"
		"    systemctl enable --now " MAIN "-report%s.timer " MAIN
		"-backup%s.timer " MAIN "-anchor%s.timer\n",
		unit, unit, unit, unit);
}

/* What the unit does not allow, or what does not hold, is said now and not at the start.
 */
static void check_conf(struct ctl *ctl, const struct place *place)
{
	struct error err = ERROR_NULL;

	if (config_load(place->conf, &ctl->config, &err) < 0) {
		ctl_say("the configuration does not hold: %s", err.text);
		return;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it was loaded */
	if (strcmp(ctl->config->state_directory, place->state) != 0)
		ctl_say("%s: state_directory is \"%s\", but the folders are in %s, and "
			"the unit lets the daemon write nowhere else",
			place->conf, ctl->config->state_directory, place->state);
}

int cmd_setup(struct ctl *ctl)
{
	AUTO(place) struct place place = {0};
	struct error err = ERROR_NULL;
	bool made_conf = false;
	int status = find_place(ctl, &place);

	if (status)
		return status;
	if (make(ctl, &place, &made_conf, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	check_conf(ctl, &place);
	tell_next(ctl, &place, made_conf);
	return CTL_OK;
}
