/* Command lines in what is said to people: for the same configuration as this one. */
#pragma once

struct ctl;

/* What is put behind the programs' names; each may be "". */
struct named {
	const char *ctl;    /* clerk-tokenctl: " -i eu" */
	const char *daemon; /* clerk-tokend, where options follow: " -c /etc/…" */
	const char *unit;   /* clerk-tokend in a systemctl line: "@eu" */
};

/* The text with them put in. A new string that the caller frees. */
char *named_text(const struct named *named, const char *text);

/* The same by the -c, -i or environment that this program was called with. NULL stays
 * NULL. */
char *named_for(const struct ctl *ctl, const char *text);
