/* The file that a report is written to. */
#include "ctl/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a link leads to is replaced, not the link; and never a device. */
static int find(const char *path, char **ret_path, struct error *err)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (!real && errno != ENOENT)
		return error_errno(err, errno, "%s", path);
	if (real && stat(real, &st) == 0 && !S_ISREG(st.st_mode)) {
		free(real);
		errno = EINVAL;
		return error_set(err,
			"%s: is no regular file; name a file, or - for standard output",
			path);
	}
	/* /dev/stdout that is a pipe leads nowhere either. */
	if (!real && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		errno = EINVAL;
		return error_set(err,
			"%s: leads to no file; name the file itself, or - for standard "
			"output",
			path);
	}
	*ret_path = real ? real : xstrdup(path);
	return 0;
}

int report_file_open(const char *path, struct report_file *ret_file, struct error *err)
{
	AUTO(report_file) struct report_file file = REPORT_FILE_NULL;

	if (find(path, &file.path, err) < 0)
		return -1;
	file.temporary = xasprintf("%s.XXXXXX", file.path);
	file.fd = mkostemp(file.temporary, O_CLOEXEC);
	if (file.fd < 0)
		return error_errno(err, errno, "%s", path);
	*ret_file = file;
	/* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): AUTO() reads it */
	file = (struct report_file)REPORT_FILE_NULL;
	return 0;
}

int report_file_keep(struct report_file *file, struct error *err)
{
	if (fchmod(file->fd, 0640) < 0 || fsync(file->fd) < 0 ||
		rename(file->temporary, file->path) < 0)
		return error_errno(err, errno, "%s", file->path);
	(void)close(file->fd);
	file->fd = -1;
	report_file_deinit(file);
	return 0;
}

void report_file_deinit(struct report_file *file)
{
	if (file->fd >= 0) {
		(void)close(file->fd);
		(void)unlink(file->temporary);
	}
	free(file->path);
	free(file->temporary);
	*file = (struct report_file)REPORT_FILE_NULL;
}
