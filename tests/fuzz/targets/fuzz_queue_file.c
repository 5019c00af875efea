/*
 * Any bytes as queue.db, with the first two saying how much of the end is its journal: a
 * fault with one line of text, or rows; nothing else is touched, and it ends.
 *
 * A good seed is a queue.db with PRAGMA page_size = 512, two zero bytes behind it.
 *
 * clang -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc -I<build>/src/generated
 *	tests/fuzz/fuzz_queue_file.c src/store/{queue,queue_*,sql,db}.c src/model/job.c
 *	src/base/{buf,clock,error,mem,parse,secret}.c -lsqlite3 -lsodium
 */
#include "base/mem.h"
#include "base/parse.h"
#include "store/queue.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[100], path[120], journal[140];

/* Not assert(): it has to hold in every kind of build. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

static void make_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "/dev/shm/fuzz-queue.XXXXXX");
	must(mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/queue.db", folder);
	(void)snprintf(journal, sizeof(journal), "%s-journal", path);
}

static void put_file(const char *name, const uint8_t *data, size_t len)
{
	FILE *file = fopen(name, "w");

	must(file != NULL);
	must(fwrite(data, 1, len, file) == len);
	must(fclose(file) == 0);
}

static int on_command(void *userdata, const struct queue_command *command,
	int64_t snapshot, struct error *err)
{
	(void)userdata;
	(void)err;
	must(command->id > 0 && command->detail && snapshot >= 0);
	return 0;
}

static int on_row(void *userdata, const struct queue_row *row, struct error *err)
{
	(void)userdata;
	(void)err;
	must(row->detail && row->job.requested_by);
	return 0;
}

static bool is_known(void *userdata, int64_t id)
{
	(void)userdata;
	return id % 2;
}

static void expect_outcome(int rc, const struct error *err)
{
	must(rc == 0 || rc == QUEUE_E_FAULT || rc == QUEUE_E_BUSY);
	must(rc == 0 || (err->text[0] && !strpbrk(err->text, "\n\r\x1b")));
}

static void use(struct queue *queue)
{
	const struct queue_reader reader = {.on_command = on_command, .on_row = on_row};
	struct queue_cursor cursor = {0};
	struct error err = ERROR_NULL;
	bool more = true;
	int n = 1, rc = 0;

	for (int i = 0; i < 4 && more && rc == 0; i++) {
		char *warning = NULL;

		rc = queue_ensure(queue, &cursor, &warning, &err);
		free(warning);
		expect_outcome(rc, &err);
		if (rc == 0) {
			rc = queue_read(queue, &cursor, 100, &reader, &more, &err);
			expect_outcome(rc, &err);
		}
	}
	for (int i = 0; i < 2 && rc == 0; i++) {
		rc = queue_sweep(queue, 100, 100, is_known, &reader, &n, &err);
		expect_outcome(rc, &err);
	}
	(void)queue_changed(queue);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct queue_options options = {.folder = folder};
	struct queue *queue;
	size_t journal_len;

	if (len < 2)
		return 0;
	if (!folder[0])
		make_folder();
	journal_len = (size_t)data[len - 2] << 8 | data[len - 1];
	len -= 2;
	journal_len = journal_len > len ? len : journal_len;
	(void)unlink(path);
	(void)unlink(journal);
	put_file(path, data, len - journal_len);
	if (journal_len)
		put_file(journal, data + len - journal_len, journal_len);
	queue_new(&options, &queue);
	use(queue);
	queue_free(queue);
	return 0;
}
