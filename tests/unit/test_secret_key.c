#include "base/secret_key.h"

#include "base/mem.h"
#include "patience.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Written in two pieces, so that no scanner takes them for keys of somebody. */
#define LIVE                                                                             \
	"sk_live_"                                                                       \
	"4uZ0canary0live"
#define TEST_KEY                                                                         \
	"sk_test_"                                                                       \
	"4uZ0canary0test"

struct place {
	struct config *config; /* owned */
	char folder[64];       /* credentials are in it */
	char credential[96];
	char other[64]; /* another folder: secret_key_file is in it */
	char file[96];
};

static struct config *load_config(const char *secret_key_file)
{
	AUTO(free_ptr)
	char *text = xasprintf("clerk: { secret_key_file = \"%s\"; };", secret_key_file);
	struct error err = ERROR_NULL;
	struct config *config = NULL;

	assert_int_equal(
		config_load_text("/x.conf", text, strlen(text), &config, &err), 0);
	return config;
}

static int make_place(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	(void)strcpy(place->folder, "/tmp/test_secret_key.XXXXXX");
	(void)strcpy(place->other, "/tmp/test_secret_key.XXXXXX");
	if (!mkdtemp(place->folder) || !mkdtemp(place->other))
		return -1;
	(void)snprintf(place->credential, sizeof(place->credential),
		"%s/clerk_secret_key", place->folder);
	(void)snprintf(place->file, sizeof(place->file), "%s/key", place->other);
	place->config = load_config("");
	(void)setenv("CREDENTIALS_DIRECTORY", place->folder, 1);
	(void)setenv("CLERK_SECRET_KEY", LIVE, 1);
	(void)alarm(patience(20));
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;

	(void)alarm(0);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	(void)unlink(place->credential);
	if (unlink(place->file) < 0)
		(void)rmdir(place->file);
	(void)rmdir(place->folder);
	(void)rmdir(place->other);
	config_free(place->config);
	free(place);
	return 0;
}

/* Makes the key come from the file instead of the credential. */
static void use_file(struct place *place, const char *path)
{
	config_free(place->config);
	place->config = load_config(path);
}

static void write_bytes(const char *path, const char *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void accept(
	const struct place *place, const char *wanted, enum secret_key_kind wanted_kind)
{
	struct error err = ERROR_NULL;
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind = SECRET_KEY__MAX;
	int r = secret_key_load(place->config, &key, &kind, &err);

	if (r != 0)
		fail_msg("%d %s", r, err.text);
	assert_string_equal(key.text, wanted);
	assert_int_equal(key.len, strlen(wanted));
	assert_int_equal(kind, wanted_kind);
	secret_deinit(&key);
}

/* Nothing is loaded, and what is said of the file shows no byte of it. */
static void refuse(
	const struct place *place, int outcome, const char *path, const char *said)
{
	AUTO(free_ptr)
	char *wanted = xasprintf("the secret key's file %s %s", path, said);
	struct error err = ERROR_NULL;
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind = SECRET_KEY__MAX;

	assert_int_equal(secret_key_load(place->config, &key, &kind, &err), outcome);
	assert_string_equal(err.text, wanted);
	assert_null(key.text);
	assert_int_equal(kind, SECRET_KEY__MAX);
	assert_null(strstr(err.text, "canary"));
}

static void credential(void **state)
{
	struct place *place = *state;

	write_bytes(place->credential, LIVE, strlen(LIVE), 0400);
	accept(place, LIVE, SECRET_KEY_LIVE);
	write_bytes(place->credential, TEST_KEY "\n", strlen(TEST_KEY) + 1, 0400);
	accept(place, TEST_KEY, SECRET_KEY_TEST);
}

/* systemd guards the folder: a file's mode there says nothing. */
/* fault: K4 */
static void credential_of_any_mode(void **state)
{
	struct place *place = *state;

	write_bytes(place->credential, LIVE, strlen(LIVE), 0444);
	accept(place, LIVE, SECRET_KEY_LIVE);
	use_file(place, place->credential);
	accept(place, LIVE, SECRET_KEY_LIVE);
}

/* fault: K1 */
static void file_comes_first(void **state)
{
	struct place *place = *state;

	write_bytes(place->credential, TEST_KEY, strlen(TEST_KEY), 0400);
	write_bytes(place->file, LIVE, strlen(LIVE), 0640);
	use_file(place, place->file);
	accept(place, LIVE, SECRET_KEY_LIVE);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	accept(place, LIVE, SECRET_KEY_LIVE);
	assert_int_equal(unlink(place->file), 0);
	(void)setenv("CREDENTIALS_DIRECTORY", place->folder, 1);
	refuse(place, -1, place->file, "cannot be opened: No such file or directory");
}

/* fault: K3 */
static void line_ends(void **state)
{
	static const char *const ends[] = {"\n", "\r\n", "\n\n", "\r\n\r\n"};
	struct place *place = *state;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		AUTO(free_ptr) char *text = xasprintf("%s%s", LIVE, ends[i]);

		write_bytes(place->credential, text, strlen(text), 0400);
		accept(place, LIVE, SECRET_KEY_LIVE);
	}
}

static void none(void **state)
{
	static const char *const unset[] = {NULL, ""};
	struct place *place = *state;
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind;
	struct error err = ERROR_NULL;

	for (size_t i = 0; i < ARRAY_LEN(unset); i++) {
		(void)unsetenv("CREDENTIALS_DIRECTORY");
		if (unset[i])
			(void)setenv("CREDENTIALS_DIRECTORY", unset[i], 1);
		assert_int_equal(secret_key_load(place->config, &key, &kind, &err), -1);
		assert_string_equal(err.text,
			"there is no secret key: neither clerk.secret_key_file in "
			"/x.conf nor the "
			"systemd credential clerk_secret_key is set");
	}
	(void)setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	assert_int_equal(secret_key_load(place->config, &key, &kind, &err), -1);
	assert_string_equal(err.text, "$CREDENTIALS_DIRECTORY is no absolute path");
	assert_null(key.text);
}

/* fault: K1 */
static void credential_is_missing(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr)
	char *wanted = xasprintf("there is no secret key: clerk.secret_key_file in "
				 "/x.conf is not set, and the "
				 "systemd credential clerk_secret_key is missing (%s)",
		place->credential);
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind;
	struct error err = ERROR_NULL;

	assert_int_equal(secret_key_load(place->config, &key, &kind, &err), -1);
	assert_string_equal(err.text, wanted);
}

/* As the unit gives it where there is no file: with what to do. */
/* fault: K1 */
static void nothing_in_it(void **state)
{
	static const char *const texts[] = {"", "\n", "\r\n\n"};
	struct place *place = *state;
	AUTO(free_ptr)
	char *empty = xasprintf("the secret key's file %s is empty", place->file);
	struct config *by_file = load_config(place->file);
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind;
	struct error err = ERROR_NULL;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		write_bytes(place->credential, texts[i], strlen(texts[i]), 0600);
		assert_int_equal(secret_key_load(place->config, &key, &kind, &err), -1);
		assert_string_equal(err.text,
			"there is no secret key: the systemd credential "
			"clerk_secret_key is empty; put the key into the file that "
			"LoadCredential= of the unit names, or name one in "
			"clerk.secret_key_file");
		write_bytes(place->file, texts[i], strlen(texts[i]), 0600);
		assert_int_equal(secret_key_load(by_file, &key, &kind, &err), -1);
		assert_string_equal(err.text, empty);
	}
	config_free(by_file);
}

/* fault: K2 */
static void contents(void **state)
{
#define BYTES(literal) (literal), sizeof(literal) - 1
	static const struct {
		const char *bytes;
		size_t len;
		const char *said;
	} cases[] = {
		{BYTES(LIVE "\0"), "holds a NUL"},
		{BYTES(LIVE "\0\n"), "holds a NUL"},
		{BYTES("\xef\xbb\xbf" LIVE),
			"begins with a byte order mark; write it as plain text"},
		{BYTES(LIVE "\n" LIVE),
			"holds more than one line; it holds the key and nothing else"},
		{BYTES("\n" LIVE),
			"holds more than one line; it holds the key and nothing else"},
		{BYTES(LIVE "\r" LIVE),
			"holds more than one line; it holds the key and nothing else"},
		{BYTES(LIVE " "), "holds a blank; it holds the key and nothing else"},
		{BYTES(" " LIVE), "holds a blank; it holds the key and nothing else"},
		{BYTES(LIVE "\t\n"), "holds a blank; it holds the key and nothing else"},
		{BYTES("Bearer " LIVE),
			"holds a blank; it holds the key and nothing else"},
		{BYTES(LIVE "\xc3\xa9"), "holds a character that is not printable ASCII"},
		{BYTES(LIVE "\x7f"), "holds a character that is not printable ASCII"},
		{BYTES(LIVE "\x1b"), "holds a character that is not printable ASCII"},
		{BYTES("pk_live_canary"), "holds a publishable key (pk_); the secret key "
					  "begins with sk_live_ or "
					  "sk_test_"},
		{BYTES("pk_"),
			"holds a publishable key (pk_); the secret key begins with "
			"sk_live_ or sk_test_"},
		{BYTES("canary"), "does not hold a secret key; it begins with sk_live_ "
				  "or sk_test_"},
		{BYTES("s"), "does not hold a secret key; it begins with sk_live_ or "
			     "sk_test_"},
		{BYTES("sk_"), "does not hold a secret key; it begins with sk_live_ or "
			       "sk_test_"},
		{BYTES("SK_LIVE_canary"), "does not hold a secret key; it begins with "
					  "sk_live_ or sk_test_"},
		{BYTES("\"" LIVE "\""), "does not hold a secret key; it begins with "
					"sk_live_ or sk_test_"},
		{BYTES("CLERK_SECRET_KEY=" LIVE), "does not hold a secret key; it begins "
						  "with sk_live_ or sk_test_"},
		{BYTES("sk_live_"), "holds the beginning of a key and nothing behind it"},
		{BYTES("sk_test_\n"),
			"holds the beginning of a key and nothing behind it"},
	};
#undef BYTES
	struct place *place = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("case %zu: %s\n", i, cases[i].said);
		write_bytes(place->credential, cases[i].bytes, cases[i].len, 0400);
		refuse(place, -1, place->credential, cases[i].said);
	}
}

/* fault: K2 */
static void sizes(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr) char *text = xmalloc(1024 * 1024);

	memset(text, 'a', 1024 * 1024);
	memcpy(text, LIVE, strlen(LIVE));
	write_bytes(place->credential, text, 1024 * 1024, 0400);
	refuse(place, -1, place->credential,
		"is over 4 KiB; it holds the key and nothing else");
	write_bytes(place->credential, text, 4097, 0400);
	refuse(place, -1, place->credential,
		"is over 4 KiB; it holds the key and nothing else");
	write_bytes(place->credential, text, 4096, 0400);
	text[4096] = '\0';
	accept(place, text, SECRET_KEY_LIVE);
}

static void unknown_kind(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr)
	char *wanted = xasprintf("the secret key in %s begins with neither sk_live_ nor "
				 "sk_test_: its kind is "
				 "unknown, and it counts as a development one",
		place->credential);
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind = SECRET_KEY__MAX;
	struct error err = ERROR_NULL;

	write_bytes(place->credential, "sk_prod_canary\n", 15, 0400);
	assert_int_equal(
		secret_key_load(place->config, &key, &kind, &err), SECRET_KEY_E_KIND);
	assert_string_equal(key.text, "sk_prod_canary");
	assert_int_equal(kind, SECRET_KEY_UNKNOWN);
	assert_string_equal(err.text, wanted);
	secret_deinit(&key);
}

/* fault: K4 */
static void modes(void **state)
{
	static const mode_t good[] = {0400, 0600, 0440, 0640, 0700};
	static const struct {
		mode_t mode;
		const char *said; /* %s: the path again */
	} bad[] = {
		{0644, "is open to everybody (mode 0644); chmod o= %s"},
		{0604, "is open to everybody (mode 0604); chmod o= %s"},
		{0602, "is open to everybody (mode 0602); chmod o= %s"},
		{0601, "is open to everybody (mode 0601); chmod o= %s"},
		{0666, "is open to everybody (mode 0666); chmod o= %s"},
		{0660, "can be written by its group (mode 0660); chmod g-w %s"},
		{0620, "can be written by its group (mode 0620); chmod g-w %s"},
	};
	struct place *place = *state;

	use_file(place, place->file);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		write_bytes(place->file, LIVE, strlen(LIVE), good[i]);
		accept(place, LIVE, SECRET_KEY_LIVE);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *percent = strchr(bad[i].said, '%');
		AUTO(free_ptr)
		char *said = xasprintf(
			"%.*s%s", (int)(percent - bad[i].said), bad[i].said, place->file);

		write_bytes(place->file, LIVE, strlen(LIVE), bad[i].mode);
		refuse(place, SECRET_KEY_E_PERMISSION, place->file, said);
	}
}

/* A path that only begins like the credentials folder is outside of it. */
/* fault: K4 */
static void beside_the_credentials(void **state)
{
	struct place *place = *state;
	AUTO(free_ptr)
	char *out = xasprintf("%s/..%s", place->folder, strrchr(place->other, '/'));
	AUTO(free_ptr) char *path = xasprintf("%s/key", out);
	AUTO(free_ptr)
	char *said = xasprintf("is open to everybody (mode 0644); chmod o= %s", path);

	write_bytes(place->file, LIVE, strlen(LIVE), 0644);
	use_file(place, path);
	refuse(place, SECRET_KEY_E_PERMISSION, path, said);
}

static void no_regular_file(void **state)
{
	struct place *place = *state;

	use_file(place, place->file);
	assert_int_equal(mkfifo(place->file, 0600), 0);
	refuse(place, -1, place->file, "is no regular file");
	assert_int_equal(unlink(place->file), 0);
	assert_int_equal(mkdir(place->file, 0700), 0);
	refuse(place, -1, place->file, "is no regular file");
}

/* Root may read everything, so it stops being root for the moment. */
static void not_ours_to_read(void **state)
{
	struct place *place = *state;
	uid_t uid = geteuid();

	write_bytes(place->file, LIVE, strlen(LIVE), 0);
	use_file(place, place->file);
	if (uid == 0)
		assert_int_equal(seteuid(65534), 0);
	refuse(place, SECRET_KEY_E_PERMISSION, place->file,
		"cannot be opened: Permission denied");
	assert_int_equal(seteuid(uid), 0);
}

static void kinds(void **state)
{
	(void)state;
	for (int kind = 0; kind < SECRET_KEY__MAX; kind++)
		assert_int_equal(secret_key_kind_parse(secret_key_kind_name(kind)), kind);
	assert_string_equal(secret_key_kind_name(SECRET_KEY_LIVE), "live");
	assert_string_equal(secret_key_kind_name(SECRET_KEY_TEST), "test");
	assert_string_equal(secret_key_kind_name(SECRET_KEY_UNKNOWN), "unknown");
	assert_int_equal(secret_key_kind_parse("Live"), SECRET_KEY__MAX);
	assert_int_equal(secret_key_kind_parse(""), SECRET_KEY__MAX);
}

/* printf '%s%s' 'clerk-tokend key fingerprint' KEY | sha256sum | cut -c 1-16 */
static void fingerprint(void **state)
{
	struct secret key = SECRET_NULL;
	char text[17];

	(void)state;
	secret_init(&key, LIVE, strlen(LIVE));
	secret_key_fingerprint(&key, text);
	assert_string_equal(text, "144fcf401b3e544b");
	secret_deinit(&key);
}

static void rotation(void **state)
{
	struct place *place = *state;

	assert_string_equal(secret_key_rotation_hint(place->config),
		"give the unit the new credential clerk_secret_key, then restart it: "
		"systemd "
		"reads credentials only at the start");
	use_file(place, place->file);
	assert_string_equal(secret_key_rotation_hint(place->config),
		"write the new key to clerk.secret_key_file, then reload");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(credential),
		TEST(credential_of_any_mode),
		TEST(file_comes_first),
		TEST(line_ends),
		TEST(none),
		TEST(credential_is_missing),
		TEST(nothing_in_it),
		TEST(contents),
		TEST(sizes),
		TEST(unknown_kind),
		TEST(modes),
		TEST(beside_the_credentials),
		TEST(no_regular_file),
		TEST(not_ours_to_read),
		TEST(kinds),
		TEST(fingerprint),
		TEST(rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
