#include "ctl/who.h"

#include "base/mem.h"
#include "base/parse.h"
#include "model/job.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name that the queue would take as requested_by. */
static bool is_name(const char *text)
{
	return text && *text &&
	       !parse_text_fault(text, strlen(text), JOB_NAME_LEN_MAX, false);
}

char *who_name(uid_t uid, const char *login, const char *sudo_user)
{
	/* Anybody can set SUDO_USER; only for root it was sudo that did. */
	if (uid == 0 && is_name(sudo_user))
		return xstrdup(sudo_user);
	if (is_name(login))
		return xstrdup(login);
	return xasprintf("uid %lu", (unsigned long)uid);
}

char *who_am_i(void)
{
	uid_t uid = getuid();
	const struct passwd *entry = getpwuid(uid);

	return who_name(uid, entry ? entry->pw_name : NULL, getenv("SUDO_USER"));
}

char *who_group_of(const char *path, const char *fallback)
{
	const struct group *group;
	struct stat st;

	if (stat(path, &st) < 0 || st.st_gid == 0)
		return xstrdup(fallback);
	group = getgrgid(st.st_gid);
	return xstrdup(group && is_name(group->gr_name) ? group->gr_name : fallback);
}
