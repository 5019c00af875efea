/* Feeds a target the files that are named, and those in the folders that are named: a
 * regression test without clang. */
#include "fuzz.h"

#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int n_files;

static void feed_file(const char *path)
{
	AUTO(buf) struct buf bytes = BUF_NULL;
	FILE *file = fopen(path, "re");
	char chunk[65536];
	uint8_t *exact;
	size_t n;

	if (!file) {
		perror(path);
		exit(1);
	}
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(&bytes, chunk, n);
	(void)fclose(file);
	/* Of exactly its length, so that reading past it is seen. */
	exact = xmalloc(bytes.len + !bytes.len);
	if (bytes.len)
		memcpy(exact, bytes.data, bytes.len);
	(void)LLVMFuzzerTestOneInput(exact, bytes.len);
	free(exact);
	n_files++;
}

static void feed(const char *path)
{
	struct dirent **entries;
	struct stat st;
	int n;

	if (stat(path, &st) < 0)
		return; /* a target of which nothing was found */
	if (!S_ISDIR(st.st_mode)) {
		feed_file(path);
		return;
	}
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		AUTO(free_ptr) char *inner = xasprintf("%s/%s", path, entries[i]->d_name);

		if (*entries[i]->d_name != '.') {
			(void)printf("%s\n", inner);
			(void)fflush(stdout);
			feed_file(inner);
		}
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		feed(argv[i]);
	(void)printf("%d inputs hold\n", n_files);
	return n_files ? 0 : 1;
}
