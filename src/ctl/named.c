#include "ctl/named.h"

#include "base/buf.h"
#include "ctl/ctl.h"

#include <string.h>

#define CTL    "clerk-tokenctl"
#define DAEMON "clerk-tokend"
#define START  "systemctl start " DAEMON

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* A command or an option follows, not a sentence's next word: those are not commands. */
static bool is_command_line(const char *behind)
{
	return behind[0] == ' ' &&
	       ((behind[1] >= 'a' && behind[1] <= 'z') || behind[1] == '-');
}

char *named_text(const struct named *named, const char *text)
{
	AUTO(buf) struct buf out = BUF_NULL;

	while (*text) {
		if (begins(text, START)) {
			buf_puts(&out, START);
			buf_puts(&out, named->unit);
			text += strlen(START);
		} else if (begins(text, CTL) && is_command_line(text + strlen(CTL))) {
			buf_puts(&out, CTL);
			buf_puts(&out, named->ctl);
			text += strlen(CTL);
		} else if (begins(text, DAEMON " --")) {
			buf_puts(&out, DAEMON);
			buf_puts(&out, named->daemon);
			text += strlen(DAEMON);
		} else {
			buf_putc(&out, *text++);
		}
	}
	return xstrdup(buf_str(&out));
}

/* As a shell takes it for one word. */
static char *quoted(const char *word)
{
	AUTO(buf) struct buf out = BUF_NULL;

	if (strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789_./-@:+") == strlen(word))
		return xstrdup(word);
	buf_putc(&out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_puts(&out, "'\\''");
		else
			buf_putc(&out, *word);
	}
	buf_putc(&out, '\'');
	return xstrdup(buf_str(&out));
}

char *named_for(const struct ctl *ctl, const char *text)
{
	const char *config = args_get(ctl->args, OPT_CONFIG);
	const char *instance = ctl_instance(ctl);
	AUTO(free_ptr) char *word = quoted(config ? config : instance ? instance : "");
	AUTO(free_ptr) char *by_ctl = xasprintf(" %s %s", config ? "-c" : "-i", word);
	AUTO(free_ptr)
	char *by_daemon = config ? xstrdup(by_ctl)
				 : xasprintf(" -c /etc/clerk-tokend/%s.conf", word);
	AUTO(free_ptr) char *unit = xasprintf("%s%s", instance ? "@" : "", word);
	const struct named named = {by_ctl, by_daemon, instance ? unit : ""};

	if (!text || (!config && !instance))
		return xstrdup(text);
	return named_text(&named, text);
}
