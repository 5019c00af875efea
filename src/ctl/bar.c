#include "ctl/bar.h"

#include "base/mem.h"
#include "ctl/eta.h"
#include "ctl/text.h"

#include <string.h>

#define CELLS_MIN 5
#define CELLS_MAX 60
#define FRAME     7 /* what stands around the cells: [] and the percentage */

int bar_percent(const struct bar *bar)
{
	if (bar->total <= 0 || bar->done <= 0)
		return 0;
	if (bar->done >= bar->total)
		return 100;
	return (int)((double)bar->done / (double)bar->total * 100);
}

/* How many of the cells stand for n of the total; one at least where there is any, and
 * not all before all are done. */
static int cells_of(int64_t n, int64_t total, int cells)
{
	int filled;

	if (total <= 0 || n <= 0)
		return 0;
	if (n >= total)
		return cells;
	filled = (int)((double)n / (double)total * cells);
	if (filled < 1)
		return 1;
	return filled < cells ? filled : cells - 1;
}

static void fill(struct buf *out, char byte, int n)
{
	while (n-- > 0)
		buf_putc(out, byte);
}

static void counts(struct buf *out, const struct bar *bar)
{
	char done[ETA_TEXT_LEN], total[ETA_TEXT_LEN];

	eta_count(bar->done, done);
	eta_count(bar->total, total);
	buf_printf(out, "  %s of %s", done, total);
}

void bar_draw(struct buf *out, const struct bar *bar, int columns)
{
	AUTO(buf) struct buf tail = BUF_NULL;
	int cells, filled, failed;

	counts(&tail, bar);
	if (columns < (int)tail.len + FRAME + CELLS_MIN)
		buf_clear(&tail);
	cells = columns - FRAME - (int)tail.len;
	if (cells > CELLS_MAX)
		cells = CELLS_MAX;
	if (cells >= CELLS_MIN) {
		filled = cells_of(bar->done, bar->total, cells);
		failed = cells_of(bar->failed, bar->total, cells);
		if (failed > filled)
			failed = filled;
		buf_putc(out, '[');
		fill(out, '#', filled - failed);
		fill(out, 'x', failed);
		fill(out, '.', cells - filled);
		buf_puts(out, "] ");
	}
	if (columns >= FRAME - 3)
		buf_printf(out, "%3d%%", bar_percent(bar));
	buf_puts(out, buf_str(&tail));
}

void bar_join(struct buf *out, const char *const *texts, size_t n, int columns)
{
	int used = 0;

	for (size_t i = 0; i < n; i++) {
		const char *text = texts[i];
		int width, gap = used ? 2 : 0;

		if (!text || !*text)
			continue;
		width = text_width(text, strlen(text));
		if (used && used + gap + width > columns)
			return;
		if (gap)
			buf_puts(out, ", ");
		buf_append(out, text, text_fit(text, strlen(text), columns - used - gap));
		used += gap + width;
		if (used > columns)
			return;
	}
}
