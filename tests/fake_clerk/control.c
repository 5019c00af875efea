#include "control.h"

#include "control_set.h"
#include "fake.h"
#include "parse.h"

#include <string.h>

static void print_token(
	const struct fake *fake, const struct token *token, struct text *out)
{
	struct text secret = {0};
	token_secret(token, fake->canary, &secret);
	text_adds(out, "{\"id\":");
	text_json(out, token->id);
	text_adds(out, ",\"user_id\":");
	text_json(out, token->user_id);
	text_printf(out,
		",\"status\":\"%s\",\"created_at\":%lld,\"updated_at\":%lld,"
		"\"exp\":%lld,\"token\":\"%s\"}\n",
		token_status_word(token->status), (long long)token->created_at,
		(long long)token->updated_at, (long long)token->exp, secret.data);
	text_free(&secret);
}

static int problem(struct text *out, int status, const char *what)
{
	text_adds(out, "{\"error\":");
	text_json(out, what);
	text_adds(out, "}\n");
	return status;
}

static int get(struct fake *fake, const struct control_call *call, struct text *out)
{
	long long from = 0;
	if (call->from && !parse_number(call->from, 0, INT32_MAX, &from))
		return problem(out, 400, "from is a number from 0");
	if (strcmp(call->path, "ledger") == 0) {
		ledger_print(&fake->ledger, (size_t)from, out);
	} else if (strcmp(call->path, "stats") == 0) {
		stats_print(&fake->stats, &fake->limit, out);
	} else if (strcmp(call->path, "tokens") == 0 && call->id) {
		const struct token *token = tokens_find(&fake->tokens, call->id);
		if (!token)
			return problem(out, 404, "no such token");
		print_token(fake, token, out);
	} else if (strcmp(call->path, "tokens") == 0) {
		for (size_t i = (size_t)from; i < fake->tokens.n; i++)
			print_token(fake, &fake->tokens.list[i], out);
	} else {
		return problem(out, 404, "no such control call");
	}
	return 200;
}

static control_setter find_setter(const char *path)
{
	static const struct {
		const char *path;
		control_setter setter;
	} table[] = {
		{"accept", control_set_accepted},
		{"faults", control_set_faults},
		{"keys", control_set_keys},
		{"latency", control_set_latency},
		{"limit", control_set_limit},
		{"maintenance", control_set_maintenance},
		{"reset", control_set_reset},
		{"script", control_set_script},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].path, path) == 0)
			return table[i].setter;
	}
	return NULL;
}

static int post(struct fake *fake, const struct control_call *call, struct text *out)
{
	control_setter setter = find_setter(call->path);
	if (!setter)
		return problem(out, 404, "no such control call");
	const char *bytes = call->body->len ? call->body->data : "{}";
	json_t *body = json_loads(bytes, 0, NULL);
	const char *wrong = body ? setter(fake, body) : "the body is no JSON";
	json_decref(body);
	if (wrong)
		return problem(out, 400, wrong);
	text_adds(out, "{\"ok\":true}\n");
	return 200;
}

int control_handle(struct fake *fake, const struct control_call *call, struct text *out)
{
	int status;
	(void)pthread_mutex_lock(&fake->lock);
	if (strcmp(call->method, "GET") == 0)
		status = get(fake, call, out);
	else if (strcmp(call->method, "POST") == 0)
		status = post(fake, call, out);
	else
		status = problem(out, 405, "use GET or POST");
	(void)pthread_mutex_unlock(&fake->lock);
	return status;
}
