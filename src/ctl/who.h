/* Who runs this program, for requested_by and for the advice on groups. */
#pragma once

#include <sys/types.h>

/* The name that requested_by gets: sudo_user where the real uid is 0 and it is a name
 * that the queue takes; else login, the name of uid; else "uid N". login and sudo_user
 * may be NULL. Pure. A new string that the caller frees. */
char *who_name(uid_t uid, const char *login, const char *sudo_user);

/* who_name() of the invoking user. The caller frees. */
char *who_am_i(void);

/* The name of the group that owns path, or fallback where that cannot be told or is
 * root's. A new string that the caller frees. */
char *who_group_of(const char *path, const char *fallback);
