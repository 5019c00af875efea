/* Folders, groups, databases, room on the disk. */
#include "ctl/doctor.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_FAIL_BYTES ((int64_t)64 << 20)
#define ROOM_WARN_BYTES ((int64_t)1 << 30)

static const struct place {
	const char *name;
	const char *file;
	const char *group;
	mode_t mode;
} places[] = {
	{"queue", "queue.db", "clerk-submit", 02770},
	{"audit", "audit.db", "clerk-audit", 02750},
	{"tokens", "tokens.db", "clerk-submit", 02750},
};

static void check_group(struct doctor *doctor, const struct place *place,
	const char *path, const struct stat *st)
{
	const struct group *group = getgrgid(st->st_gid);
	AUTO(free_ptr)
	char *remedy = xasprintf("chgrp %s %s", place->group, path);

	if (group && !strcmp(group->gr_name, place->group))
		doctor_say(doctor, DOCTOR_OK, NULL, "folder %s: mode %04o, group %s",
			path, (unsigned)(st->st_mode & 07777), place->group);
	else
		doctor_say(doctor, DOCTOR_WARN, remedy,
			"folder %s: belongs to group %s, so nobody is let in by %s", path,
			group ? group->gr_name : "(unknown)", place->group);
}

static void check_mode(struct doctor *doctor, const struct place *place, const char *path,
	const struct stat *st)
{
	mode_t mode = st->st_mode & 07777;
	AUTO(free_ptr)
	char *remedy = xasprintf("chmod %04o %s", (unsigned)place->mode, path);

	if (mode & 0007)
		doctor_say(doctor, DOCTOR_FAIL, remedy,
			"folder %s: mode %04o lets everybody on this machine in", path,
			(unsigned)mode);
	else if (mode & S_ISVTX)
		doctor_say(doctor, DOCTOR_FAIL, remedy,
			"folder %s: it is sticky, so nobody can clear up after a script "
			"that "
			"died",
			path);
	else if (!(mode & S_ISGID))
		doctor_say(doctor, DOCTOR_FAIL, remedy,
			"folder %s: it is not setgid, so SQLite's side files get the "
			"wrong "
			"group",
			path);
	else if ((mode & 0770) != (place->mode & 0770))
		doctor_say(doctor, DOCTOR_WARN, remedy, "folder %s: mode %04o", path,
			(unsigned)mode);
	else
		check_group(doctor, place, path, st);
}

static void check_folder(struct doctor *doctor, const struct place *place)
{
	AUTO(free_ptr)
	char *path =
		xasprintf("%s/%s", doctor->ctl->config->state_directory, place->name);
	struct stat st;

	if (lstat(path, &st) < 0)
		doctor_say(doctor, DOCTOR_FAIL,
			"systemd-tmpfiles --create makes it, or the daemon's first start",
			"folder %s: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		doctor_say(doctor, DOCTOR_FAIL, "move it away", "%s: is no folder", path);
	else
		check_mode(doctor, place, path, &st);
}

static void check_room(struct doctor *doctor)
{
	const char *path = doctor->ctl->config->state_directory;
	struct statvfs fs;
	int64_t room;

	if (statvfs(path, &fs) < 0) {
		doctor_say(doctor, DOCTOR_FAIL, NULL, "%s: %s", path, strerror(errno));
		return;
	}
	room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	doctor_say(doctor,
		room < ROOM_FAIL_BYTES   ? DOCTOR_FAIL
		: room < ROOM_WARN_BYTES ? DOCTOR_WARN
					 : DOCTOR_OK,
		room < ROOM_WARN_BYTES ? "make room: a full disk holds sending" : NULL,
		"disk: %" PRId64 " MiB free for %s", room >> 20, path);
}

void doctor_files(struct doctor *doctor)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		check_folder(doctor, &places[i]);
	check_room(doctor);
}

/* What an outcome of opening means here. */
static void say_opened(struct doctor *doctor, const struct place *place, int outcome,
	const struct error *err)
{
	AUTO(free_ptr)
	char *join = xasprintf(
		"ask for membership of group %s, then log in again", place->group);

	if (outcome == 0)
		doctor_say(doctor, DOCTOR_OK, NULL, "%s: opens", place->file);
	else if (outcome == READER_E_PERMISSION)
		doctor_say(doctor, DOCTOR_WARN, join, "%s: not for you", place->file);
	else if (outcome == READER_E_MISSING)
		doctor_say(doctor, DOCTOR_FAIL,
			"put the newest copy back where there was one; the daemon makes "
			"a new one when it is started; see restore.md",
			"%s", err->text);
	else
		doctor_say(doctor, DOCTOR_FAIL,
			"stop the daemon, move it away and put the newest copy back; see "
			"restore.md",
			"%s", err->text);
}

void doctor_databases(struct doctor *doctor)
{
	struct ctl *ctl = doctor->ctl;
	const char *state = ctl->config->state_directory;
	AUTO(free_ptr) char *queue = xasprintf("%s/queue", state);
	AUTO(free_ptr) char *audit = xasprintf("%s/audit/audit.db", state);
	AUTO(free_ptr) char *tokens = xasprintf("%s/tokens/tokens.db", state);
	struct error err = ERROR_NULL;
	int rc = reader_queue_open(queue, &ctl->queue, &err);

	say_opened(doctor, &places[0], rc, &err);
	rc = reader_open(audit, &ctl->reader, &err);
	doctor->no_audit = rc == READER_E_MISSING;
	say_opened(doctor, &places[1], rc, &err);
	rc = reader_secrets_open(tokens, &ctl->secrets, &err);
	doctor->no_tokens = rc == READER_E_MISSING;
	say_opened(doctor, &places[2], rc, &err);
}
