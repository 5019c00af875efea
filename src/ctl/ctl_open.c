/* The three databases, and what to say where one cannot be opened. */
#include "ctl/ctl.h"

#include "ctl/alive.h"
#include "ctl/who.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One of them: its folder, and the group that lets people in. */
struct place {
	const char *folder;
	const char *file;
	const char *group;
};

static const struct place audit = {"audit", "audit.db", "clerk-audit"};
static const struct place tokens = {"tokens", "tokens.db", "clerk-submit"};
static const struct place queue = {"queue", "queue.db", "clerk-submit"};

static char *folder_of(const struct ctl *ctl, const struct place *place)
{
	return xasprintf("%s/%s", ctl->config->state_directory, place->folder);
}

static char *path_of(const struct ctl *ctl, const struct place *place)
{
	return xasprintf(
		"%s/%s/%s", ctl->config->state_directory, place->folder, place->file);
}

static int say_permission(const struct ctl *ctl, const struct place *place)
{
	AUTO(free_ptr) char *folder = folder_of(ctl, place);
	AUTO(free_ptr) char *group = who_group_of(folder, place->group);
	const struct passwd *entry = getpwuid(getuid());
	AUTO(free_ptr)
	char *user = who_name(getuid(), entry ? entry->pw_name : NULL, NULL);

	return ctl_fail(CTL_PERMISSION,
		"permission denied: %s: ask for membership of group %s (adduser %s %s), "
		"then log in again",
		folder, group, user, group);
}

/* The exit status of an outcome of opening, said. */
static int say_outcome(const struct ctl *ctl, const struct place *place, int outcome,
	const struct error *err)
{
	switch (outcome) {
	case 0:
		return CTL_OK;
	case READER_E_PERMISSION:
		return say_permission(ctl, place);
	case READER_E_BUSY:
		return ctl_fail(CTL_TEMPORARY,
			"%s: locked by another program for too long", place->file);
	case READER_E_MISSING:
		if (alive_check(ctl->config->state_directory, NULL) == ALIVE_YES)
			return ctl_fail(CTL_MISSING, "%s", err->text);
		return ctl_fail(CTL_TEMPORARY,
			"%s; the daemon makes it: start clerk-tokend once", err->text);
	default:
		return ctl_fail(CTL_NO, "%s", err->text);
	}
}

int ctl_say_outcome(
	const struct ctl *ctl, const char *file, int outcome, const struct error *err)
{
	const struct place *const places[] = {&audit, &tokens, &queue};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (!strcmp(places[i]->file, file))
			return say_outcome(ctl, places[i], outcome, err);
	return ctl_fail(CTL_NO, "%s", err->text);
}

static int open_audit(struct ctl *ctl, struct error *err)
{
	AUTO(free_ptr) char *path = path_of(ctl, &audit);

	return ctl->reader ? 0 : reader_open(path, &ctl->reader, err);
}

static int open_queue(struct ctl *ctl, struct error *err)
{
	AUTO(free_ptr) char *folder = folder_of(ctl, &queue);

	return ctl->queue ? 0 : reader_queue_open(folder, &ctl->queue, err);
}

int ctl_open_audit(struct ctl *ctl)
{
	struct error err = ERROR_NULL;

	return say_outcome(ctl, &audit, open_audit(ctl, &err), &err);
}

int ctl_open_queue(struct ctl *ctl)
{
	struct error err = ERROR_NULL;

	return say_outcome(ctl, &queue, open_queue(ctl, &err), &err);
}

int ctl_open_secrets(struct ctl *ctl)
{
	AUTO(free_ptr) char *path = path_of(ctl, &tokens);
	struct error err = ERROR_NULL;

	if (ctl->secrets)
		return CTL_OK;
	return say_outcome(
		ctl, &tokens, reader_secrets_open(path, &ctl->secrets, &err), &err);
}

void ctl_try_audit(struct ctl *ctl)
{
	struct error err = ERROR_NULL;

	(void)open_audit(ctl, &err);
}

void ctl_try_secrets(struct ctl *ctl)
{
	AUTO(free_ptr) char *path = path_of(ctl, &tokens);
	struct error err = ERROR_NULL;

	if (!ctl->secrets)
		(void)reader_secrets_open(path, &ctl->secrets, &err);
}

char *ctl_audit_path(const struct ctl *ctl)
{
	return path_of(ctl, &audit);
}

int ctl_try_queue(struct ctl *ctl, struct error *err)
{
	AUTO(free_ptr) char *folder = folder_of(ctl, &queue);
	AUTO(free_ptr) char *group = who_group_of(folder, queue.group);
	int rc = ctl->queue_unseen ? 0 : open_queue(ctl, err);

	if (rc == READER_E_PERMISSION) {
		ctl_say("permission denied: %s: what waits in the queue is not seen, "
			"only "
			"members of group %s see it",
			folder, group);
		ctl->queue_unseen = true;
	}
	return rc == READER_E_PERMISSION || rc == READER_E_MISSING ? 0 : rc;
}

int ctl_fail_unseen(const struct ctl *ctl, const char *what)
{
	AUTO(free_ptr) char *folder = folder_of(ctl, &queue);
	AUTO(free_ptr) char *group = who_group_of(folder, queue.group);

	return ctl_fail(CTL_PERMISSION,
		"%s: what was taken succeeded; whether more waits in the queue can be "
		"told to members of group %s alone",
		what, group);
}
