#include "ctl/out_colour.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"
#define BLUE   "34"

static const struct {
	const char *word;
	const char *code; /* of SGR, "select graphic rendition" */
} colours[] = {
	/* jobs */
	{"running", BLUE},
	{"succeeded", GREEN},
	{"failed", RED},
	{"cancelled", YELLOW},
	{"lapsed", YELLOW},
	{"rejected", RED},
	/* tokens */
	{"may be live", YELLOW},
	/* effects */
	{"unknown", RED},
	/* the daemon */
	{"working", GREEN},
	{"held", RED},
	{"paused", YELLOW},
	{"not running", RED},
	/* doctor */
	{"ok", GREEN},
	{"warn", YELLOW},
	{"fail", RED},
};

static const char *const columns[] = {"state", "job_state", "life", "effect"};

bool out_colour_wanted(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (!no_color || !*no_color) && term && *term && strcmp(term, "dumb") != 0;
}

bool out_colour_is_for(const struct out_column *column)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (!strcmp(columns[i], column->name))
			return true;
	return false;
}

void out_paint(struct out *out, const char *text)
{
	const char *code = NULL;

	for (size_t i = 0; out->colour && i < ARRAY_LEN(colours); i++)
		if (!strcmp(colours[i].word, text))
			code = colours[i].code;
	if (code)
		out_printf(out, "\033[%sm%s\033[0m", code, text);
	else
		out_printf(out, "%s", text);
}
