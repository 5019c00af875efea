/*
 * What an instance needs on this machine, as the files of sysusers.d and tmpfiles.d that
 * are installed with the program say: one source for systemd and for setup. A plan is
 * read from them, looked over, carried out, looked over again and told.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum setup_kind { SETUP_GROUP, SETUP_USER, SETUP_MEMBER, SETUP_FOLDER };

enum setup_state { SETUP_MISSING, SETUP_WRONG, SETUP_RIGHT };

/* A line of those files. */
struct setup_item {
	enum setup_kind kind;
	char *name;  /* owned; of the group, user or member, or the path */
	char *user;  /* owned; folder: its owner */
	char *group; /* owned; member: which group; folder: its group */
	char *about; /* owned; user: who it is */
	char *home;  /* owned; user: its home */
	mode_t mode; /* folder */
	enum setup_state before;
	char *was; /* owned; folder that is wrong: what it was; else NULL */
};

struct setup {
	struct setup_item *items; /* owned */
	size_t n, cap;
};

#define SETUP_NULL                                                                       \
	{                                                                                \
		0                                                                        \
	}

/* Frees. Idempotent. */
void setup_deinit(struct setup *setup);

/* Appends the text of an installed file, kind being "sysusers.d" or "tmpfiles.d": of the
 * places that systemd reads the first that has it, so that an administrator's own copy in
 * /etc counts here too. Fails where there is none. */
int setup_read(const char *kind, struct buf *ret_text, struct error *err);

/* Adds the users, groups and memberships of a text of sysusers.d. Fails where a line does
 * not hold. Pure, but for allocating. */
int setup_parse_sysusers(struct setup *setup, const char *text, struct error *err);

/* Adds the folders of a text of tmpfiles.d; other kinds of lines are passed over. Fails
 * where a line does not hold. Pure, but for allocating. */
int setup_parse_tmpfiles(struct setup *setup, const char *text, struct error *err);

/* Appends the lines of tmpfiles.d for an instance: those of text for the folders of data
 * (clerk-tokend below /var), each with "-INSTANCE" behind that name. Pure, but for
 * allocating. */
void setup_instance_tmpfiles(
	const char *text, const char *instance, struct buf *ret_text);

/* Looks at each item: what is there goes into before and was. */
void setup_look(struct setup *setup);

/* How it is now. */
enum setup_state setup_state(const struct setup_item *item);

/* Makes users and groups, by systemd-sysusers, or where that is not installed by
 * groupadd, useradd and usermod. */
int setup_make_users(const struct setup *setup, struct error *err);

/* Makes the folders, by systemd-tmpfiles with the n files of tmpfiles.d that are named,
 * or where that is not installed by hand. */
int setup_make_folders(
	const struct setup *setup, const char *const *files, size_t n, struct error *err);

/* Writes a file that everybody may read, whole or not at all. replace: in place of what
 * is there; else 1 where something is there, which stays. */
int setup_write(const char *path, const char *text, bool replace, struct error *err);

static inline void setup_cleanup(struct setup *setup)
{
	setup_deinit(setup);
}
