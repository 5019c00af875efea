#include "options.h"

#include <stdio.h>

static const char head[] =
	"Usage: fake_clerk [OPTION]...\n"
	"A strict fake of Clerk's Backend API (sign-in tokens alone) for tests, on "
	"127.0.0.1.\n"
	"\n"
	"  --port N            listen on this port; 0, the default, is any free one\n"
	"  --port-file FILE    write the port to FILE (by rename) once it listens\n"
	"  --tls-cert FILE --tls-key FILE\n"
	"                      serve https with this certificate and key (PEM)\n"
	"  --threads N         threads that serve, 1 by default\n"
	"  --key KEY           accept this secret key; repeatable; default sk_test_fake\n"
	"  --limit N           rate limit: requests a window, 100 by default\n"
	"  --window-ms N       its window, 10000 by default\n"
	"  --window-kind KIND  sliding, fixed (by the monotonic clock) or none "
	"(default)\n"
	"  --retry-after HOW   on 429: on (the true seconds, default), off, or this "
	"literal\n"
	"  --count-refused     refused requests use up the limit too\n"
	"  --latency-ms A[-B]  answer A to B milliseconds after acting\n"
	"  --seed N            draw ids, latencies and faults from this seed\n"
	"  --fault KIND=P      let this fault happen with probability P; repeatable\n"
	"  --ledger FILE       append the ledger to FILE; what is in it is read back "
	"first\n"
	"  --no-ledger         record nothing (for benchmarks)\n"
	"  --canary TEXT       put TEXT (at most 64 of A-Za-z0-9_-) into each token's "
	"signature\n"
	"  --no-strict         do not refuse, with 400 protocol_violation: no version "
	"header or\n"
	"                      two versions, no User-Agent, an Expect header, two "
	"Authorization\n"
	"                      headers, a body in a revoke\n"
	"  --help              show this\n"
	"\n"
	"Users are user_ and letters and digits; they all exist but user_missing...;\n"
	"user_banned... are banned; the tokens of user_accepts... are accepted at once.\n"
	"org_disabled... and org_notmember... are refused with 403.\n"
	"\n"
	"Faults (=N where a number is needed or possible):\n";

static const char tail[] =
	"\n"
	"Control interface, never limited, delayed or counted; bodies are JSON:\n"
	"  GET  /control/ledger[?from=N]    the ledger's lines, from number N\n"
	"  GET  /control/stats              counts\n"
	"  GET  /control/tokens[?id=ID]     a token a line, with its secret\n"
	"  POST /control/script             [\"KIND\", {\"fault\": \"KIND\", ...}, ...] "
	"for the next\n"
	"                                   requests that would be served; [] empties "
	"it. A step\n"
	"                                   may have action, user_id, token_id (whom it "
	"is for;\n"
	"                                   a last * is any ending), count (0: always), "
	"delay_ms,\n"
	"                                   retry_after (string, list, null), location, "
	"code,\n"
	"                                   long_message, body, content_type\n"
	"  POST /control/faults             {\"KIND\": probability, ...}\n"
	"  POST /control/keys               {\"keys\": [\"sk_test_...\"]}\n"
	"  POST /control/limit              {\"kind\", \"limit\", \"window_ms\", "
	"\"retry_after\",\n"
	"                                   \"count_refused\"}\n"
	"  POST /control/latency            {\"min_ms\", \"max_ms\"}\n"
	"  POST /control/maintenance        {\"on\": true}: 503 maintenance_mode\n"
	"  POST /control/accept             {\"id\": \"sit_...\"}\n"
	"  POST /control/reset              forget tokens, ledger, counts, script, "
	"faults\n";

void options_help(void)
{
	(void)fputs(head, stdout);
	for (int i = FAULT_none; i < FAULT__MAX; i++)
		(void)printf("  %-18s  %s\n", fault_name((enum fault_kind)i),
			fault_help((enum fault_kind)i));
	(void)fputs(tail, stdout);
}
