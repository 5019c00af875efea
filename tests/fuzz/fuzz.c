#include "fuzz.h"

#include "base/mem.h"
#include "base/parse.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	if (fuzz_io.out.len || fuzz_io.err.len)
		(void)fprintf(stderr, "standard output:\n%s\nstandard error:\n%s\n",
			buf_str(&fuzz_io.out), buf_str(&fuzz_io.err));
	abort();
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (!input->len)
		return 0;
	input->len--;
	return *input->data++;
}

char *fuzz_line(struct fuzz_input *input)
{
	const uint8_t *end = input->len ? memchr(input->data, '\n', input->len) : NULL;
	size_t len = end ? (size_t)(end - input->data) : input->len;
	char *line = xmalloc(len + 1);

	if (len)
		memcpy(line, input->data, len);
	line[len] = '\0';
	len += end != NULL;
	input->data += len;
	input->len -= len;
	return line;
}

char *fuzz_rest(struct fuzz_input *input)
{
	char *text = xmalloc(input->len + 1);

	if (input->len)
		memcpy(text, input->data, input->len);
	text[input->len] = '\0';
	input->data += input->len;
	input->len = 0;
	return text;
}

bool fuzz_is_line(const char *text)
{
	return *text && !parse_text_fault(text, strlen(text), SIZE_MAX, false);
}

/* ---- files ---- */

static char folder[64];

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

static void remove_folder(void)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
	if (*folder)
		return folder;
	(void)snprintf(folder, sizeof(folder), "/dev/shm/clerk-tokend-fuzz.XXXXXX");
	must(mkdtemp(folder) != NULL);
	must(atexit(remove_folder) == 0);
	return folder;
}

const char *fuzz_file(const char *name, const void *bytes, size_t len)
{
	static char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	file = fopen(path, "we");
	must(file != NULL);
	must(fwrite(bytes, 1, len, file) == len);
	must(fclose(file) == 0);
	return path;
}
