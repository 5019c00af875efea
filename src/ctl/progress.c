#include "ctl/progress.h"

#include "base/mem.h"
#include "ctl/eta.h"
#include "ctl/text.h"

#include <stdio.h>
#include <string.h>

#define SAMPLE_MS  250
#define FORGET_MS  10000
#define ENOUGH_MS  1000 /* a rate over less than that is a guess */
#define NAME_SHARE 3    /* of the columns, a third at most is the name's */

static int at(const struct progress_rate *rate, int i)
{
	return (rate->first + i) % PROGRESS_SAMPLES;
}

void progress_note(struct progress_rate *rate, int64_t mono_ms, int64_t done)
{
	int last;

	if (rate->n && mono_ms - rate->samples[at(rate, rate->n - 1)].mono_ms < SAMPLE_MS)
		return;
	while (rate->n > 1 &&
		(rate->n == PROGRESS_SAMPLES ||
			mono_ms - rate->samples[at(rate, 1)].mono_ms >= FORGET_MS)) {
		rate->first = at(rate, 1);
		rate->n--;
	}
	last = at(rate, rate->n++);
	rate->samples[last].mono_ms = mono_ms;
	rate->samples[last].done = done;
}

double progress_per_second(
	const struct progress_rate *rate, int64_t mono_ms, int64_t done)
{
	int64_t span_ms, n;

	if (rate->n == 0)
		return -1;
	span_ms = mono_ms - rate->samples[rate->first].mono_ms;
	n = done - rate->samples[rate->first].done;
	if (span_ms < ENOUGH_MS)
		return -1;
	/* Jobs that are retried by hand are not over any more. */
	return n <= 0 ? 0 : (double)n * 1000 / (double)span_ms;
}

void progress_top(struct buf *out, const struct progress *progress, int columns)
{
	size_t len =
		text_fit(progress->name, strlen(progress->name), columns / NAME_SHARE);
	int width = text_width(progress->name, len);

	if (width > 0 && columns - width - 1 > 0) {
		buf_append(out, progress->name, len);
		buf_putc(out, ' ');
		columns -= width + 1;
	}
	bar_draw(out, &progress->bar, columns);
}

/* The figures as texts. */
struct figures {
	char failed[ETA_TEXT_LEN + 16];
	char left[ETA_TEXT_LEN + 16];
	char rate[ETA_TEXT_LEN + 16];
	char time[ETA_TEXT_LEN + 16];
};

static void say_rate(double per_second, char text[ETA_TEXT_LEN + 16])
{
	if (per_second <= 0)
		*text = '\0';
	else if (per_second < 10)
		(void)snprintf(text, ETA_TEXT_LEN + 16, "%.1f/s", per_second);
	else
		(void)snprintf(text, ETA_TEXT_LEN + 16, "%.0f/s", per_second);
}

static void write_figures(const struct progress *progress, struct figures *ret)
{
	char count[ETA_TEXT_LEN];

	*ret = (struct figures){0};
	eta_count(progress->failed, count);
	if (progress->failed)
		(void)snprintf(ret->failed, sizeof(ret->failed), "%s failed", count);
	eta_count(progress->left, count);
	(void)snprintf(ret->left, sizeof(ret->left), "%s left", count);
	say_rate(progress->per_second, ret->rate);
	if (progress->waits || progress->left_ms < 0 || !progress->left)
		return;
	eta_span(progress->left_ms, count);
	(void)snprintf(ret->time, sizeof(ret->time), "about %s", count);
}

void progress_bottom(struct buf *out, const struct progress *progress, int columns)
{
	struct figures figures;

	write_figures(progress, &figures);
	if (progress->waits) {
		/* The reason matters more than the other figures; it may be long. */
		int rest = columns - text_width(figures.left, strlen(figures.left)) - 2;
		size_t fits = text_fit(
			progress->waits, strlen(progress->waits), rest > 0 ? rest : 0);

		bar_join(out, &(const char *){figures.left}, 1, columns);
		if (fits)
			buf_puts(out, ", ");
		buf_append(out, progress->waits, fits);
	} else {
		const char *const texts[] = {
			figures.left, figures.time, figures.failed, figures.rate};

		bar_join(out, texts, ARRAY_LEN(texts), columns);
	}
}

void progress_plain(struct buf *out, const struct progress *progress)
{
	char done[ETA_TEXT_LEN], total[ETA_TEXT_LEN];
	struct figures figures;

	write_figures(progress, &figures);
	eta_count(progress->bar.done, done);
	eta_count(progress->bar.total, total);
	buf_printf(out, "%s of %s done, %s", done, total, figures.left);
	if (*figures.failed)
		buf_printf(out, ", %s", figures.failed);
	if (*figures.rate)
		buf_printf(out, ", %s", figures.rate);
	if (*figures.time)
		buf_printf(out, ", %s to go", figures.time);
	if (progress->waits)
		buf_printf(out, "; %s", progress->waits);
	buf_putc(out, '\n');
}
