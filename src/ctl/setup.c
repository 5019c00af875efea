/* The plan of setup: read from the files of systemd, and held against what is there. */
#include "ctl/setup.h"

#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME  "clerk-tokend.conf"
#define FIELDS_MAX 6

void setup_deinit(struct setup *setup)
{
	for (size_t i = 0; i < setup->n; i++) {
		struct setup_item *item = &setup->items[i];

		free(item->name);
		free(item->user);
		free(item->group);
		free(item->about);
		free(item->home);
		free(item->was);
	}
	free(setup->items);
	*setup = (struct setup)SETUP_NULL;
}

static struct setup_item *add(struct setup *setup, enum setup_kind kind)
{
	if (setup->n == setup->cap) {
		setup->cap = setup->cap ? setup->cap * 2 : 16;
		setup->items = xrealloc(setup->items, setup->cap * sizeof(*setup->items));
	}
	setup->items[setup->n] = (struct setup_item){.kind = kind};
	return &setup->items[setup->n++];
}

static int read_all(FILE *file, struct buf *ret_text)
{
	char part[4096];
	size_t n;

	while ((n = fread(part, 1, sizeof(part), file)) > 0)
		buf_append(ret_text, part, n);
	return ferror(file) ? -1 : 0;
}

int setup_read(const char *kind, struct buf *ret_text, struct error *err)
{
	static const char *const places[] = {
		"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO(free_ptr)
		char *path = xasprintf("%s/%s/" FILE_NAME, places[i], kind);
		FILE *file = fopen(path, "re");
		int rc;

		if (!file && errno == ENOENT)
			continue;
		if (!file)
			return error_errno(err, errno, "%s", path);
		rc = read_all(file, ret_text);
		(void)fclose(file);
		return rc < 0 ? error_set(err, "%s: cannot be read", path) : 0;
	}
	return error_set(err,
		"/usr/lib/%s/" FILE_NAME " is not there: it is installed with the "
		"program (cmake --install, or the package)",
		kind);
}

/* Splits a line at blanks, outside of quotation marks, which are taken off; what is
 * missing is "". The line is changed. */
static void split(char *line, char *ret_fields[FIELDS_MAX])
{
	for (size_t i = 0; i < FIELDS_MAX; i++) {
		const char *ends = " \t";

		line += strspn(line, " \t");
		if (*line == '"') {
			ends = "\"";
			line++;
		}
		ret_fields[i] = line;
		line += strcspn(line, ends);
		if (*line)
			*line++ = '\0';
	}
}

static char *given(const char *field)
{
	return xstrdup(*field && strcmp(field, "-") != 0 ? field : "");
}

static int read_user_line(struct setup *setup, char **fields, struct error *err)
{
	struct setup_item *item;

	if (!strchr("ugm", *fields[0]) || fields[0][1])
		return 0; /* ranges and the like, of an administrator's own copy */
	if (!*fields[1] || (*fields[0] == 'm' && !*fields[2]))
		return error_set(err, "\"%s %s\" lacks a name", fields[0], fields[1]);
	item = add(setup, *fields[0] == 'u'   ? SETUP_USER
			  : *fields[0] == 'g' ? SETUP_GROUP
					      : SETUP_MEMBER);
	item->name = xstrdup(fields[1]);
	if (item->kind == SETUP_MEMBER)
		item->group = xstrdup(fields[2]);
	item->about = given(fields[3]);
	item->home = given(fields[4]);
	return 0;
}

static int read_folder_line(struct setup *setup, char **fields, struct error *err)
{
	struct setup_item *item;
	char *end;
	long mode;

	if (strcmp(fields[0], "d") != 0)
		return 0;
	mode = strtol(fields[2], &end, 8);
	if (*fields[1] != '/' || !*fields[2] || *end || mode < 0 || mode > 07777 ||
		!*fields[3] || !*fields[4])
		return error_set(err,
			"\"d %s\": a path, a mode, a user and a group are wanted",
			fields[1]);
	item = add(setup, SETUP_FOLDER);
	item->name = xstrdup(fields[1]);
	item->mode = (mode_t)mode;
	item->user = xstrdup(fields[3]);
	item->group = xstrdup(fields[4]);
	return 0;
}

static int each_line(struct setup *setup, const char *text,
	int (*take)(struct setup *setup, char **fields, struct error *err),
	struct error *err)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		AUTO(free_ptr) char *line = xstrndup(text, len);
		char *fields[FIELDS_MAX];

		split(line, fields);
		if (*fields[0] && *fields[0] != '#' && take(setup, fields, err) < 0)
			return -1;
		text += len + (text[len] == '\n');
	}
	return 0;
}

int setup_parse_sysusers(struct setup *setup, const char *text, struct error *err)
{
	return each_line(setup, text, read_user_line, err);
}

int setup_parse_tmpfiles(struct setup *setup, const char *text, struct error *err)
{
	return each_line(setup, text, read_folder_line, err);
}

/* Where a line for a folder of the main instance's data takes the name of another one:
 * behind clerk-tokend, in a path below /var. NULL: it is no such line. */
static const char *name_end(const char *line)
{
	static const char name[] = "/clerk-tokend";
	const char *path, *end;

	if (*line != 'd' || !strchr(" \t", line[1]))
		return NULL;
	path = line + 1 + strspn(line + 1, " \t");
	end = strstr(path, name);
	if (strncmp(path, "/var/", 5) != 0 || !end || end > path + strcspn(path, " \t\n"))
		return NULL;
	end += sizeof(name) - 1;
	return strchr("/ \t", *end) ? end : NULL;
}

void setup_instance_tmpfiles(const char *text, const char *instance, struct buf *ret_text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *end = name_end(text);

		if (end) {
			buf_append(ret_text, text, (size_t)(end - text));
			buf_printf(ret_text, "-%s", instance);
			buf_append(ret_text, end, len - (size_t)(end - text));
			buf_putc(ret_text, '\n');
		}
		text += len + (text[len] == '\n');
	}
}

static bool is_member(const char *user, const char *name)
{
	const struct group *group = getgrnam(name);

	for (char **member = group ? group->gr_mem : NULL; member && *member; member++)
		if (!strcmp(*member, user))
			return true;
	return false;
}

static enum setup_state folder_state(const struct setup_item *item, char **ret_was)
{
	const struct passwd *user;
	const struct group *group;
	struct stat st;

	if (lstat(item->name, &st) < 0)
		return SETUP_MISSING;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	if (S_ISDIR(st.st_mode) && (st.st_mode & 07777) == item->mode && user && group &&
		!strcmp(user->pw_name, item->user) &&
		!strcmp(group->gr_name, item->group))
		return SETUP_RIGHT;
	if (ret_was && S_ISDIR(st.st_mode))
		*ret_was = xasprintf("%04o %s:%s", (unsigned)(st.st_mode & 07777),
			user ? user->pw_name : "?", group ? group->gr_name : "?");
	else if (ret_was)
		*ret_was = xstrdup("no folder");
	return SETUP_WRONG;
}

static enum setup_state look(const struct setup_item *item, char **ret_was)
{
	bool there = false;

	switch (item->kind) {
	case SETUP_GROUP:
		there = getgrnam(item->name);
		break;
	case SETUP_USER:
		there = getpwnam(item->name);
		break;
	case SETUP_MEMBER:
		there = is_member(item->name, item->group);
		break;
	case SETUP_FOLDER:
		return folder_state(item, ret_was);
	}
	return there ? SETUP_RIGHT : SETUP_MISSING;
}

void setup_look(struct setup *setup)
{
	for (size_t i = 0; i < setup->n; i++) {
		struct setup_item *item = &setup->items[i];

		free(TAKE_PTR(item->was));
		item->before = look(item, &item->was);
	}
}

enum setup_state setup_state(const struct setup_item *item)
{
	return look(item, NULL);
}
