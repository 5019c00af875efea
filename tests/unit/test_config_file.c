/* The configuration file on the disk: whatever stands there, an answer comes at once. */
#include "base/config.h"

#include "base/mem.h"
#include "patience.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char folder[64];
	char path[96];
};

static int make_place(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	(void)strcpy(place->folder, "/tmp/test_config_file.XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/x.conf", place->folder);
	(void)unsetenv("RUNTIME_DIRECTORY");
	/* A FIFO that blocks ends the test instead of the patience. */
	(void)alarm(patience(20));
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;

	(void)alarm(0);
	if (unlink(place->path) < 0)
		(void)rmdir(place->path);
	(void)rmdir(place->folder);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const char *text, mode_t mode)
{
	int fd = open(place->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void refuse(const struct place *place, const char *said)
{
	AUTO(free_ptr) char *wanted = xasprintf("%s: %s", place->path, said);
	struct error err = ERROR_NULL;
	struct config *config = NULL;

	assert_int_equal(config_load(place->path, &config, &err), -1);
	assert_null(config);
	assert_string_equal(err.text, wanted);
}

static void take(const struct place *place)
{
	struct error err = ERROR_NULL;
	struct config *config = NULL;

	if (config_load(place->path, &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config->concurrency, 3);
	assert_string_equal(config->path, place->path);
	config_free(config);
}

static void plain(void **state)
{
	write_file(*state, "concurrency = 3;\n", 0644);
	take(*state);
	write_file(*state, "concurrency = 3;", 0664);
	take(*state);
	write_file(*state, "concurrency = 3; # no line end", 0400);
	take(*state);
}

static void link_to_one(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr) char *target = xasprintf("%s/target", place->folder);
	char path[sizeof(place->path)];

	write_file(place, "concurrency = 3;\n", 0644);
	memcpy(path, place->path, sizeof(path));
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	take(place);
	assert_int_equal(unlink(target), 0);
	refuse(place, "cannot be opened: No such file or directory");
}

/* fault: C1 */
static void missing(void **state)
{
	refuse(*state, "cannot be opened: No such file or directory");
}

/* fault: C1 */
static void folder(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir(place->path, 0700), 0);
	refuse(place, "is a folder; a configuration file is wanted");
}

/* fault: C1 */
static void fifo(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkfifo(place->path, 0600), 0);
	refuse(place, "is no regular file; a configuration file is wanted");
}

static void socket_file(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(strlen(place->path) < sizeof(address.sun_path));
	(void)strcpy(address.sun_path, place->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	refuse(place, "cannot be opened: No such device or address");
	(void)close(fd);
}

static void device(void **state)
{
	struct place zero = {.path = "/dev/zero"};

	(void)state;
	refuse(&zero, "is no regular file; a configuration file is wanted");
}

/* fault: C3 */
static void empty(void **state)
{
	write_file(*state, "", 0644);
	refuse(*state, "is empty; a file of comments alone means every default");
}

static void writable_by_everybody(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr)
	char *said = xasprintf(
		"can be written by everybody, who could so send the key elsewhere; "
		"chmod o-w %s",
		place->path);

	write_file(place, "concurrency = 3;\n", 0646);
	refuse(place, said);
}

/* A sparse file of the length, and one of 1 MiB that is a comment. */
/* fault: C2 */
static void large(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr) char *text = xmalloc(1024 * 1024 + 2);

	write_file(place, "#", 0644);
	assert_int_equal(truncate(place->path, 100 * 1024 * 1024), 0);
	refuse(place, "is over 1 MiB; a configuration file is smaller");
	memset(text, '#', 1024 * 1024 + 1);
	text[1024 * 1024 + 1] = '\0';
	write_file(place, text, 0644);
	refuse(place, "is over 1 MiB; a configuration file is smaller");
	memcpy(text, "concurrency = 3;", 16);
	text[1024 * 1024] = '\0';
	write_file(place, text, 0644);
	take(place);
}

/* A file whose length the kernel does not tell beforehand is cut off all the same. */
static void length_not_told(void **state)
{
	struct place proc = {.path = "/proc/self/environ"};
	struct error err = ERROR_NULL;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load(proc.path, &config, &err), -1);
	assert_null(config);
	assert_ptr_equal(strstr(err.text, "/proc/self/environ"), err.text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain),
		TEST(link_to_one),
		TEST(missing),
		TEST(folder),
		TEST(fifo),
		TEST(socket_file),
		TEST(device),
		TEST(empty),
		TEST(writable_by_everybody),
		TEST(large),
		TEST(length_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
