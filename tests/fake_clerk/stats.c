#include "stats.h"

#include "limit.h"

void stats_count(struct stats *stats, const struct request *request)
{
	stats->requests++;
	stats->actions[request->action]++;
	stats->granted += request->deed == DEED_GRANTED;
	stats->revoked += request->deed == DEED_REVOKED;
	stats->unauthorized += !request->authorized;
	stats->violations += request->violation != NULL;
	stats->limited += request->limit_wait != OVER_LIMIT_WAIT_NONE;
	stats->faults[request->fault]++;
	int status = request->reply.status;
	if (reply_leaves(&request->reply) && status >= 0 && status < 600)
		stats->statuses[status]++;
}

static void print_statuses(const struct stats *stats, struct text *out)
{
	const char *comma = "";
	text_adds(out, ",\"statuses\":{");
	for (int i = 0; i < 600; i++) {
		if (!stats->statuses[i])
			continue;
		text_printf(out, "%s\"%d\":%lld", comma, i, stats->statuses[i]);
		comma = ",";
	}
	text_adds(out, "},\"faults\":{");
	comma = "";
	for (int i = FAULT_none + 1; i < FAULT__MAX; i++) {
		if (!stats->faults[i])
			continue;
		text_printf(out, "%s\"%s\":%lld", comma, fault_name((enum fault_kind)i),
			stats->faults[i]);
		comma = ",";
	}
	text_adds(out, "}");
}

void stats_print(const struct stats *stats, const struct limit *limit, struct text *out)
{
	text_printf(out,
		"{\"requests\":%lld,\"creates\":%lld,\"revokes\":%lld,\"others\":%lld,"
		"\"granted\":%lld,\"revoked\":%lld,\"unauthorized\":%lld,"
		"\"protocol_violations\":%lld",
		stats->requests, stats->actions[ACTION_CREATE],
		stats->actions[ACTION_REVOKE], stats->actions[ACTION_OTHER],
		stats->granted, stats->revoked, stats->unauthorized, stats->violations);
	text_printf(out,
		",\"limited\":%lld,\"too_many_requests\":%lld,\"window_ms\":%d,"
		"\"max_arrived_in_window\":%zu,\"max_served_in_window\":%zu,"
		"\"concurrent\":%d,\"concurrent_max\":%d,\"connections\":%lld",
		stats->limited, stats->statuses[429], limit->config.window_ms,
		limit->arrived.max, limit->served.max, stats->concurrent,
		stats->concurrent_max, stats->connections);
	print_statuses(stats, out);
	text_adds(out, "}\n");
}

void stats_clear(struct stats *stats)
{
	*stats = (struct stats){
		.concurrent = stats->concurrent,
		.concurrent_max = stats->concurrent,
	};
}
