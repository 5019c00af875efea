#include "base/secret_key.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LEN         4096
#define CREDENTIAL_NAME "clerk_secret_key"

static const char *const kind_names[SECRET_KEY__MAX] = {
	[SECRET_KEY_LIVE] = "live",
	[SECRET_KEY_TEST] = "test",
	[SECRET_KEY_UNKNOWN] = "unknown",
};

const char *secret_key_kind_name(enum secret_key_kind kind)
{
	return kind_names[kind];
}

enum secret_key_kind secret_key_kind_parse(const char *name)
{
	int kind = 0;

	while (kind < SECRET_KEY__MAX && strcmp(kind_names[kind], name) != 0)
		kind++;
	return (enum secret_key_kind)kind;
}

/* Where the key is read from. */
struct place {
	char *path;         /* owned */
	bool is_credential; /* in the folder that systemd made for this unit alone */
};

static inline void place_cleanup(struct place *place)
{
	free(place->path);
}

/* Whether path lies in folder: written so, without a way out. */
static bool is_inside(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len && folder[len - 1] == '/')
		len--;
	return len && !strncmp(path, folder, len) && path[len] == '/' &&
	       !strstr(path, "/..");
}

static int find_place(
	const struct config *config, struct place *ret_place, struct error *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	const char *file = config->clerk_secret_key_file;

	if (folder && !*folder)
		folder = NULL;
	if (folder && *folder != '/')
		return error_set(err, "$CREDENTIALS_DIRECTORY is no absolute path");
	if (*file) {
		*ret_place =
			(struct place){xstrdup(file), folder && is_inside(file, folder)};
		return 0;
	}
	if (!folder)
		return error_set(err,
			"there is no secret key: neither clerk.secret_key_file in %s nor "
			"the systemd "
			"credential " CREDENTIAL_NAME " is set",
			config->path);
	*ret_place = (struct place){xasprintf("%s/" CREDENTIAL_NAME, folder), true};
	return 0;
}

static int open_failed(
	const struct config *config, const struct place *place, struct error *err)
{
	int errnum = errno;

	(void)error_errno(
		err, errnum, "the secret key's file %s cannot be opened", place->path);
	if (errnum == EACCES || errnum == EPERM)
		return SECRET_KEY_E_PERMISSION;
	if (errnum == ENOENT && !*config->clerk_secret_key_file)
		return error_set(err,
			"there is no secret key: clerk.secret_key_file in %s is not set, "
			"and the "
			"systemd credential " CREDENTIAL_NAME " is missing (%s)",
			config->path, place->path);
	return -1;
}

/* systemd keeps the credentials folder to the unit's user, whatever a mode says. */
static int check_stat(const struct place *place, const struct stat *st, struct error *err)
{
	const char *path = place->path;

	if (!S_ISREG(st->st_mode))
		return error_set(
			err, "the secret key's file %s is no regular file", path);
	if (st->st_size > MAX_LEN)
		return error_set(err,
			"the secret key's file %s is over 4 KiB; it holds the key and "
			"nothing else",
			path);
	if (place->is_credential)
		return 0;
	if (st->st_mode & S_IRWXO) {
		(void)error_set(err,
			"the secret key's file %s is open to everybody (mode %04o); "
			"chmod o= %s",
			path, (unsigned)(st->st_mode & 07777), path);
		return SECRET_KEY_E_PERMISSION;
	}
	if (st->st_mode & S_IWGRP) {
		(void)error_set(err,
			"the secret key's file %s can be written by its group (mode "
			"%04o); chmod g-w "
			"%s",
			path, (unsigned)(st->st_mode & 07777), path);
		return SECRET_KEY_E_PERMISSION;
	}
	return 0;
}

/* Fills text with at most MAX_LEN + 1 bytes, so that one too many is seen. */
static int read_file(const struct place *place, int fd, char text[MAX_LEN + 1],
	size_t *ret_len, struct error *err)
{
	size_t len = 0;

	while (len <= MAX_LEN) {
		ssize_t n = read(fd, text + len, MAX_LEN + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno,
				"the secret key's file %s cannot be read", place->path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > MAX_LEN)
		return error_set(err,
			"the secret key's file %s is over 4 KiB; it holds the key and "
			"nothing else",
			place->path);
	*ret_len = len;
	return 0;
}

/* What is wrong with the bytes, their final line ends taken off; NULL = nothing. */
static const char *find_fault(const char *text, size_t len)
{
	if (!len)
		return "is empty";
	if (memchr(text, '\0', len))
		return "holds a NUL";
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return "begins with a byte order mark; write it as plain text";
	if (memchr(text, '\n', len) || memchr(text, '\r', len))
		return "holds more than one line; it holds the key and nothing else";
	if (memchr(text, ' ', len) || memchr(text, '\t', len))
		return "holds a blank; it holds the key and nothing else";
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return "holds a character that is not printable ASCII";
	if (len >= 3 && !memcmp(text, "pk_", 3))
		return "holds a publishable key (pk_); the secret key begins with "
		       "sk_live_ or "
		       "sk_test_";
	if (len < 4 || memcmp(text, "sk_", 3) != 0)
		return "does not hold a secret key; it begins with sk_live_ or sk_test_";
	if (len == 8 && (!memcmp(text, "sk_live_", 8) || !memcmp(text, "sk_test_", 8)))
		return "holds the beginning of a key and nothing behind it";
	return NULL;
}

static enum secret_key_kind kind_of(const char *text, size_t len)
{
	if (len > 8 && !memcmp(text, "sk_live_", 8))
		return SECRET_KEY_LIVE;
	if (len > 8 && !memcmp(text, "sk_test_", 8))
		return SECRET_KEY_TEST;
	return SECRET_KEY_UNKNOWN;
}

/* Reads the open file into text without its final line ends. */
static int fetch(const struct place *place, int fd, char text[MAX_LEN + 1],
	size_t *ret_len, struct error *err)
{
	struct stat st;
	const char *fault;
	size_t len = 0;
	int r;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno,
			"the secret key's file %s cannot be looked at", place->path);
	r = check_stat(place, &st, err);
	if (r != 0)
		return r;
	if (read_file(place, fd, text, &len, err) < 0)
		return -1;
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	/* What the unit gives where there is no file: systemd's own words for that case
	 * tell nobody what to do. */
	if (!len && place->is_credential)
		return error_set(err,
			"there is no secret key: the systemd credential " CREDENTIAL_NAME
			" is empty; put the key into the file that LoadCredential= of "
			"the unit names, or name one in clerk.secret_key_file");
	fault = find_fault(text, len);
	if (fault)
		return error_set(err, "the secret key's file %s %s", place->path, fault);
	*ret_len = len;
	return 0;
}

/* Hands the checked bytes over. */
static int take(const struct place *place, const char *text, size_t len,
	struct secret *ret_key, struct error *err)
{
	secret_init(ret_key, text, len);
	if (kind_of(text, len) != SECRET_KEY_UNKNOWN)
		return 0;
	(void)error_set(err,
		"the secret key in %s begins with neither sk_live_ nor sk_test_: its "
		"kind is "
		"unknown, and it counts as a development one",
		place->path);
	return SECRET_KEY_E_KIND;
}

int secret_key_load(const struct config *config, struct secret *ret_key,
	enum secret_key_kind *ret_kind, struct error *err)
{
	AUTO(place) struct place place = {0};
	char text[MAX_LEN + 1];
	size_t len = 0;
	int fd, r;

	if (find_place(config, &place, err) < 0)
		return -1;
	fd = open(place.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return open_failed(config, &place, err);
	r = fetch(&place, fd, text, &len, err);
	(void)close(fd);
	if (r == 0) {
		*ret_kind = kind_of(text, len);
		r = take(&place, text, len, ret_key, err);
	}
	sodium_memzero(text, sizeof(text));
	return r;
}

void secret_key_fingerprint(const struct secret *key, char ret_text[17])
{
	static const char prefix[] = "clerk-tokend key fingerprint";
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, sizeof(prefix) - 1, (const uint8_t *)prefix);
	sha256_update(&sha256, key->len, (const uint8_t *)key->text);
	sha256_digest(&sha256, sizeof(digest), digest);
	(void)sodium_bin2hex(ret_text, 17, digest, 8);
	sodium_memzero(&sha256, sizeof(sha256));
	sodium_memzero(digest, sizeof(digest));
}

const char *secret_key_rotation_hint(const struct config *config)
{
	if (*config->clerk_secret_key_file)
		return "write the new key to clerk.secret_key_file, then reload";
	return "give the unit the new credential clerk_secret_key, then restart it: "
	       "systemd "
	       "reads credentials only at the start";
}
