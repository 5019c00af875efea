#include "ledger.h"

#include "clock.h"
#include "tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every line is one write(): a kill of the process cannot tear it. */
static void keep_line(struct ledger *ledger, size_t start)
{
	const char *line = ledger->lines.data + start;
	size_t len = ledger->lines.len - start;
	ledger->n_lines++;
	if (ledger->fd < 0)
		return;
	ssize_t written = write(ledger->fd, line, len);
	if (written == (ssize_t)len)
		return;
	(void)fprintf(stderr, "fake_clerk: cannot write the ledger: %s\n",
		written < 0 ? strerror(errno) : "short write");
	_exit(1);
}

static void add_string(struct text *out, const char *key, const char *value)
{
	text_add(out, ",\"", 2);
	text_adds(out, key);
	text_add(out, "\":", 2);
	text_json(out, value);
}

static void add_number(struct text *out, const char *key, long long value)
{
	text_add(out, ",\"", 2);
	text_adds(out, key);
	text_add(out, "\":", 2);
	text_addi(out, value);
}

static void add_arrival(struct text *out, const struct request *request)
{
	static const char *const actions[ACTION__MAX] = {
		[ACTION_OTHER] = "other",
		[ACTION_CREATE] = "create",
		[ACTION_REVOKE] = "revoke",
	};
	add_number(out, "wall_ms", request->wall_ms);
	add_number(out, "mono_us", request->mono_us);
	add_number(out, "connection", request->connection);
	add_string(out, "action", actions[request->action]);
	if (request->action == ACTION_OTHER) {
		add_string(out, "method", request->method);
		add_string(out, "path", request->path);
	}
	add_string(out, "user_id", request->user_id);
	if (request->org_id)
		add_string(out, "org_id", request->org_id);
	if (request->expires_in_seconds)
		add_number(out, "expires_in_seconds", request->expires_in_seconds);
	add_string(out, "token_id", request->token_id);
	text_adds(out,
		request->authorized ? ",\"authorized\":true" : ",\"authorized\":false");
	add_number(out, "key", request->key);
	if (request->violation)
		add_string(out, "protocol_violation", request->violation);
}

static void add_answer(struct text *out, const struct request *request)
{
	static const char *const deeds[DEED__MAX] = {
		[DEED_NONE] = "none",
		[DEED_GRANTED] = "granted",
		[DEED_REVOKED] = "revoked",
	};
	add_string(out, "did", deeds[request->deed]);
	if (request->deed == DEED_GRANTED) {
		add_string(out, "granted", request->token->id);
		add_string(
			out, "token_status", token_status_word(request->token->status));
		add_number(out, "created_at", request->token->created_at);
		add_number(out, "exp", request->token->exp);
	}
	const struct reply *reply = &request->reply;
	if (reply_leaves(reply))
		add_number(out, "status", reply->status);
	else
		text_adds(out, ",\"status\":null");
	if (reply->code)
		add_string(out, "code", reply->code);
	if (request->fault != FAULT_none) {
		text_adds(out, ",\"fault\":\"");
		fault_print(request->fault, request->fault_value, out);
		text_adds(out, "\"");
	}
	if (request->delay_ms)
		add_number(out, "delay_ms", request->delay_ms);
	add_string(out, "trace", reply->trace);
}

void ledger_request(struct ledger *ledger, const struct request *request)
{
	if (!ledger->kept)
		return;
	struct text *lines = &ledger->lines;
	size_t start = lines->len;
	text_adds(lines, "{\"event\":\"request\"");
	add_number(lines, "n", (long long)ledger->n_lines);
	add_arrival(lines, request);
	add_answer(lines, request);
	text_add(lines, "}\n", 2);
	keep_line(ledger, start);
}

void ledger_accepted(struct ledger *ledger, const char *token_id)
{
	if (!ledger->kept)
		return;
	struct text *lines = &ledger->lines;
	size_t start = lines->len;
	text_adds(lines, "{\"event\":\"accepted\"");
	add_number(lines, "n", (long long)ledger->n_lines);
	add_number(lines, "wall_ms", clock_wall_ms());
	add_string(lines, "token_id", token_id);
	text_add(lines, "}\n", 2);
	keep_line(ledger, start);
}

void ledger_print(const struct ledger *ledger, size_t from, struct text *out)
{
	if (!ledger->lines.len)
		return;
	const char *at = ledger->lines.data;
	const char *end = at + ledger->lines.len;
	for (; from && at < end; from--)
		at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
	text_add(out, at, (size_t)(end - at));
}

static const char *string_of(const json_t *line, const char *key)
{
	const char *value = json_string_value(json_object_get(line, key));
	return value ? value : "";
}

static void restore_granted(const json_t *line, struct tokens *tokens)
{
	struct token token = {.status = TOKEN_PENDING};
	const char *id = string_of(line, "granted");
	if (strlen(id) >= sizeof(token.id))
		return;
	memcpy(token.id, id, strlen(id));
	/* tokens_add() copies it. */
	token.user_id = (char *)(uintptr_t)string_of(line, "user_id");
	if (strcmp(string_of(line, "token_status"), "accepted") == 0)
		token.status = TOKEN_ACCEPTED;
	token.created_at = json_integer_value(json_object_get(line, "created_at"));
	token.updated_at = token.created_at;
	token.exp = json_integer_value(json_object_get(line, "exp"));
	(void)tokens_add(tokens, &token);
}

static void restore_line(const char *text, size_t len, struct tokens *tokens)
{
	json_t *line = json_loadb(text, len, 0, NULL);
	const char *did = string_of(line, "did");
	bool accepted = strcmp(string_of(line, "event"), "accepted") == 0;
	if (strcmp(did, "granted") == 0)
		restore_granted(line, tokens);
	struct token *token = NULL;
	if (strcmp(did, "revoked") == 0 || accepted)
		token = tokens_find(tokens, string_of(line, "token_id"));
	if (token) {
		token->status = accepted ? TOKEN_ACCEPTED : TOKEN_REVOKED;
		token->updated_at = json_integer_value(json_object_get(line, "wall_ms"));
	}
	json_decref(line);
}

static bool restore(struct ledger *ledger, struct tokens *tokens)
{
	struct text *lines = &ledger->lines;
	ssize_t got;
	while ((got = read(ledger->fd, text_room(lines, 1 << 20), 1 << 20)) > 0)
		text_added(lines, (size_t)got);
	if (got < 0)
		return false;
	size_t at = 0;
	for (char *end; at < lines->len; at = (size_t)(end - lines->data) + 1) {
		end = memchr(lines->data + at, '\n', lines->len - at);
		if (!end)
			break;
		restore_line(lines->data + at, (size_t)(end - lines->data) - at, tokens);
		ledger->n_lines++;
	}
	lines->len = at;
	return ftruncate(ledger->fd, (off_t)at) == 0;
}

bool ledger_open(struct ledger *ledger, const char *path, struct tokens *tokens)
{
	ledger->kept = true;
	ledger->fd = -1;
	if (!path)
		return true;
	ledger->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (ledger->fd >= 0 && restore(ledger, tokens))
		return true;
	(void)fprintf(stderr, "fake_clerk: cannot use the ledger %s: %s\n", path,
		strerror(errno));
	return false;
}

void ledger_clear(struct ledger *ledger)
{
	text_clear(&ledger->lines);
	ledger->n_lines = 0;
	if (ledger->fd >= 0 && ftruncate(ledger->fd, 0) != 0)
		(void)fprintf(stderr, "fake_clerk: cannot empty the ledger: %s\n",
			strerror(errno));
}

void ledger_close(struct ledger *ledger)
{
	if (ledger->fd >= 0)
		(void)close(ledger->fd);
	text_free(&ledger->lines);
	*ledger = (struct ledger){.fd = -1};
}
