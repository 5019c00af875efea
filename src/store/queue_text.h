/* Values from a stranger's file made fit to be shown and kept. */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/* Longest part of a value in a row's detail, and in a sentence about it. */
#define QUEUE_TEXT_DETAIL_MAX 2000
#define QUEUE_TEXT_SHOWN_MAX  60

/* Appends at most max of the bytes as printable UTF-8: whatever is a control character or
 * not UTF-8 as \xHH, a backslash doubled, "…" behind what was cut. */
void queue_text_show(struct buf *buf, const char *bytes, size_t len, size_t max);

/* Appends `"name":` and the value as JSON, a comma in front where the object has members.
 * A text is a JSON string (control characters as \u00HH); one that is longer than
 * QUEUE_TEXT_DETAIL_MAX, is not UTF-8 or holds a NUL is {"text_bytes":N,"shown":"…"} with
 * what queue_text_show() makes of it; a blob is {"blob_bytes":N}. */
void queue_text_json_text(
	struct buf *buf, const char *name, const char *bytes, size_t len);
void queue_text_json_raw(struct buf *buf, const char *name, const char *json);
