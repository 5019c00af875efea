#include "ctl/html_internal.h"

#include "base/mem.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Nothing is fetched, nothing is run: also where an escape were missing. */
#define POLICY "default-src 'none'; style-src 'unsafe-inline'"

static const char *const styles[] = {
#define CSS(stem, text) text,
#include "html_css.inc"
#undef CSS
};

static const char *entity(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_escape(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = text_decode(text + i, len - i, &code);
		const char *name = entity(code);

		if (name)
			buf_puts(out, name);
		else
			text_escape(out, text + i, n);
		i += n;
	}
}

void html_put_count(struct buf *out, int64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRId64, value);

	for (int i = 0; i < n; i++) {
		buf_putc(out, digits[i]);
		if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
			buf_putc(out, ',');
	}
}

void html_put_age(struct buf *out, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	if (seconds < 0) {
		buf_puts(out, "-");
		seconds = seconds == INT64_MIN ? INT64_MAX : -seconds;
	}
	while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds)
		i++;
	html_put_count(out, seconds / units[i].seconds);
	buf_printf(out, " %s", units[i].name);
	if (i + 1 < ARRAY_LEN(units))
		buf_printf(out, " %" PRId64 " %s",
			seconds % units[i].seconds / units[i + 1].seconds,
			units[i + 1].name);
}

void html_element(struct buf *out, const char *tag, const char *class, const char *text)
{
	if (class)
		buf_printf(out, "<%s class=\"%s\">", tag, class);
	else
		buf_printf(out, "<%s>", tag);
	html_escape(out, text);
	buf_printf(out, "</%s>", tag);
}

const char *html_tone_class(enum html_tone tone)
{
	static const char *const classes[HTML_TONE__MAX] = {
		[HTML_PLAIN] = "k0",
		[HTML_GOOD] = "k1",
		[HTML_BAD] = "k2",
		[HTML_DOUBT] = "k3",
		[HTML_CALM] = "k4",
		[HTML_FIRST] = "k5",
		[HTML_SECOND] = "k6",
	};

	return classes[tone];
}

static void pairs(struct buf *out, const struct html_pair *pair, int n)
{
	if (n == 0)
		return;
	buf_puts(out, "<dl class=\"facts\">\n");
	for (int i = 0; i < n; i++) {
		buf_puts(out, "<div>");
		html_element(out, "dt", NULL, pair[i].name);
		html_element(out, "dd", NULL, pair[i].value);
		buf_puts(out, "</div>\n");
	}
	buf_puts(out, "</dl>\n");
}

void html_begin(struct html *html, struct out *out, const struct html_head *head)
{
	struct buf *sink = &out->pending;

	*html = (struct html){.out = out};
	buf_puts(sink,
		"<!DOCTYPE html>\n"
		"<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n"
		"<head>\n"
		"<meta charset=\"utf-8\"/>\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"" POLICY "\"/>\n"
		"<meta name=\"viewport\" content=\"width=device-width, "
		"initial-scale=1\"/>\n"
		"<meta name=\"color-scheme\" content=\"light dark\"/>\n"
		"<meta name=\"referrer\" content=\"no-referrer\"/>\n"
		"<meta name=\"robots\" content=\"noindex\"/>\n"
		"<meta name=\"format-detection\" content=\"telephone=no\"/>\n");
	html_element(sink, "title", NULL, head->title);
	buf_puts(sink, "\n<style>\n");
	for (size_t i = 0; i < ARRAY_LEN(styles); i++)
		buf_puts(sink, styles[i]);
	buf_puts(sink, "</style>\n</head>\n<body>\n<header>\n");
	html_element(sink, "h1", NULL, head->title);
	buf_putc(sink, '\n');
	if (head->lead)
		html_element(sink, "p", "lead", head->lead);
	buf_putc(sink, '\n');
	pairs(sink, head->facts, head->n_facts);
	buf_puts(sink, "</header>\n<main>\n");
	out_settle(out);
}

static void end_section(struct html *html)
{
	if (html->in_section)
		buf_puts(html_sink(html), "</section>\n");
	html->in_section = false;
}

void html_end(struct html *html, const struct html_pair *evidence, int n_evidence)
{
	struct buf *sink = html_sink(html);

	end_section(html);
	buf_puts(sink, "</main>\n<footer>\n");
	html_element(sink, "h2", NULL, "Evidence");
	buf_putc(sink, '\n');
	pairs(sink, evidence, n_evidence);
	buf_puts(sink, "</footer>\n</body>\n</html>\n");
	out_settle(html->out);
}

void html_section(struct html *html, const char *title, bool is_wide)
{
	struct buf *sink = html_sink(html);

	end_section(html);
	buf_printf(sink, "<section%s>\n", is_wide ? " class=\"turned\"" : "");
	html_element(sink, "h2", NULL, title);
	buf_putc(sink, '\n');
	html->in_section = true;
}

void html_note(struct html *html, enum html_tone tone, const char *text)
{
	struct buf *sink = html_sink(html);

	if (tone == HTML_PLAIN)
		buf_puts(sink, "<p>");
	else
		buf_printf(sink, "<p class=\"note %s\">", html_tone_class(tone));
	html_escape(sink, text);
	buf_puts(sink, "</p>\n");
	out_settle(html->out);
}

/* A number too long for its card breaks where a thousand ends. */
static void put_breaking_count(struct buf *out, int64_t value)
{
	AUTO(buf) struct buf text = BUF_NULL;

	html_put_count(&text, value);
	for (const char *at = buf_str(&text); *at; at++) {
		buf_putc(out, *at);
		if (*at == ',')
			buf_puts(out, "<wbr/>");
	}
}

static void card(struct buf *out, const struct html_card *card)
{
	buf_printf(out, "<div class=\"card %s\">", html_tone_class(card->tone));
	html_element(out, "dt", NULL, card->name);
	buf_puts(out, "<dd class=\"figure\">");
	if (card->text)
		html_escape(out, card->text);
	else
		put_breaking_count(out, card->value);
	buf_puts(out, "</dd>");
	if (card->note)
		html_element(out, "dd", NULL, card->note);
	buf_puts(out, "</div>\n");
}

void html_cards(struct html *html, const struct html_card *cards, int n_cards)
{
	struct buf *sink = html_sink(html);

	buf_puts(sink, "<dl class=\"cards\">\n");
	for (int i = 0; i < n_cards; i++)
		card(sink, &cards[i]);
	buf_puts(sink, "</dl>\n");
	out_settle(html->out);
}
