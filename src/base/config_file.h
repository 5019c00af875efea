/* The configuration file as bytes: fetched from the disk without being fooled, and seen
 * to be a text before anybody reads it as one. For base/config*.c alone. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the file's bytes to *ret_text (wiped by the caller: a misplaced key may be in
 * it). Never blocks. Fails where it is missing, no regular file, writable by all, or over
 * 1 MiB. */
int config_file_read(const char *path, struct buf *ret_text, struct error *err);

/* Fails with `FILE:LINE: …` where the text is empty, is not UTF-8 without a byte order
 * mark, holds a control character, or holds what looks like a Clerk secret key. No
 * message shows a byte of it. path is for the message only. */
int config_file_check(const char *path, const char *text, size_t len, struct error *err);

/* Whether a Clerk secret key begins in text: sk_live_ or sk_test_ and something. */
bool config_file_shows_key(const char *text);
