/* HTML reports, piece by piece, with what hostile people put into them. */
#include "base/mem.h"
#include "ctl/html.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define JULY_1 20635

/* A document that is being written, and what came out of its body. */
struct page {
	int fd;
	struct out out;
	struct html html;
	char text[1 << 20];
};

static struct page page;

static void begin(const struct html_head *head)
{
	page.fd = memfd_create("html", MFD_CLOEXEC);
	assert_true(page.fd >= 0);
	out_init(&page.out, page.fd, OUT_TABLE, false);
	html_begin(&page.html, &page.out, head);
	out_flush(&page.out);
	assert_int_equal(ftruncate(page.fd, 0), 0);
	assert_int_equal(lseek(page.fd, 0, SEEK_SET), 0);
}

/* What was written since, in whole. */
static const char *written(void)
{
	struct error err = ERROR_NULL;
	ssize_t n;

	assert_int_equal(out_close(&page.out, &err), 0);
	n = pread(page.fd, page.text, sizeof(page.text) - 1, 0);
	assert_true(n >= 0);
	page.text[n] = '\0';
	(void)close(page.fd);
	return page.text;
}

static const struct html_head plain = {.title = "Tokens"};

static void assert_escaped(const char *text, const char *want)
{
	AUTO(buf) struct buf out = BUF_NULL;

	html_escape(&out, text);
	assert_string_equal(buf_str(&out), want);
}

static void escaping(void **state)
{
	(void)state;
	assert_escaped("", "");
	assert_escaped("Zoë 日本 🙂", "Zoë 日本 🙂");
	assert_escaped("</td><script>alert('1')</script>",
		"&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
	assert_escaped(
		"\" onerror=\"x\" &amp;", "&quot; onerror=&quot;x&quot; &amp;amp;");
	assert_escaped("a\nb\tc\rd\x1b[31m\x7f", "a\\nb\\tc\\rd\\x1b[31m\\x7f");
	assert_escaped("\xe2\x80\xae"
		       "fdp.exe\xe2\x81\xa6",
		"\\u202efdp.exe\\u2066");
	assert_escaped("\xff\xc3(\xed\xa0\x80", "\\xff\\xc3(\\xed\\xa0\\x80");
	/* Code points that XML does not know. */
	assert_escaped("\xef\xbf\xbe\xef\xbf\xbf", "\\ufffe\\uffff");
	assert_escaped("\xf3\xa0\x81\x81", "\\U000e0041");
	/* Cut off in the middle of a character. */
	assert_escaped("a\xe2\x80", "a\\xe2\\x80");
}

static void assert_count(int64_t value, const char *want)
{
	AUTO(buf) struct buf out = BUF_NULL;

	html_put_count(&out, value);
	assert_string_equal(buf_str(&out), want);
}

static void counts(void **state)
{
	(void)state;
	assert_count(0, "0");
	assert_count(999, "999");
	assert_count(1000, "1,000");
	assert_count(-1234567, "-1,234,567");
	assert_count(-100, "-100");
	assert_count(INT64_MAX, "9,223,372,036,854,775,807");
}

static void assert_age(int64_t seconds, const char *want)
{
	AUTO(buf) struct buf out = BUF_NULL;

	html_put_age(&out, seconds);
	assert_string_equal(buf_str(&out), want);
}

static void ages(void **state)
{
	(void)state;
	assert_age(0, "0 s");
	assert_age(59, "59 s");
	assert_age(60, "1 min 0 s");
	assert_age(3599, "59 min 59 s");
	assert_age(3 * 86400 + 4 * 3600 + 59, "3 d 4 h");
	assert_age(86400000LL * 1234, "1,234,000 d 0 h");
	assert_age(-61, "-1 min 1 s");
}

static void documents(void **state)
{
	const struct html_pair facts[] = {{"Batch", "<b>"}};
	const struct html_head head = {"A & B", "What \"it\" is.", facts, 1};
	struct error err = ERROR_NULL;
	const char *text;
	ssize_t n;

	(void)state;
	page.fd = memfd_create("html", MFD_CLOEXEC);
	out_init(&page.out, page.fd, OUT_TABLE, false);
	html_begin(&page.html, &page.out, &head);
	html_end(&page.html, &(struct html_pair){"Head", "<hash>"}, 1);
	assert_int_equal(out_close(&page.out, &err), 0);
	n = pread(page.fd, page.text, sizeof(page.text) - 1, 0);
	assert_true(n > 0);
	page.text[n] = '\0';
	(void)close(page.fd);
	text = page.text;
	assert_int_equal(strncmp(text,
				 "<!DOCTYPE html>\n"
				 "<html xmlns=\"http://www.w3.org/1999/xhtml\" "
				 "lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
				 "<meta http-equiv=\"Content-Security-Policy\" "
				 "content=\"default-src 'none'; style-src "
				 "'unsafe-inline'\"/>\n",
				 200),
		0);
	assert_non_null(strstr(text, "<title>A &amp; B</title>\n<style>\n"));
	assert_non_null(strstr(text,
		"<h1>A &amp; B</h1>\n"
		"<p class=\"lead\">What &quot;it&quot; is.</p>\n"
		"<dl class=\"facts\">\n"
		"<div><dt>Batch</dt><dd>&lt;b&gt;</dd></div>\n"
		"</dl>\n</header>\n<main>\n</main>\n<footer>\n<h2>Evidence</h2>\n"
		"<dl class=\"facts\">\n"
		"<div><dt>Head</dt><dd>&lt;hash&gt;</dd></div>\n"
		"</dl>\n</footer>\n</body>\n</html>\n"));
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "url("));
	assert_null(strstr(text, "@import"));
}

static void sections(void **state)
{
	const struct html_card cards[] = {
		{"Jobs", 12345, NULL, "of <all>", HTML_PLAIN},
		{"Slowest", 0, "1.2 s", NULL, HTML_BAD},
	};

	(void)state;
	begin(&plain);
	html_section(&page.html, "One", false);
	html_cards(&page.html, cards, 2);
	html_section(&page.html, "Two", true);
	html_note(&page.html, HTML_PLAIN, "a < b");
	html_note(&page.html, HTML_DOUBT, "held");
	html_end(&page.html, NULL, 0);
	assert_string_equal(written(),
		"<section>\n<h2>One</h2>\n<dl class=\"cards\">\n"
		"<div class=\"card k0\"><dt>Jobs</dt>"
		"<dd class=\"figure\">12,<wbr/>345</dd><dd>of &lt;all&gt;</dd></div>\n"
		"<div class=\"card k2\"><dt>Slowest</dt>"
		"<dd class=\"figure\">1.2 s</dd></div>\n"
		"</dl>\n</section>\n"
		"<section class=\"turned\">\n<h2>Two</h2>\n<p>a &lt; b</p>\n"
		"<p class=\"note k3\">held</p>\n</section>\n"
		"</main>\n<footer>\n<h2>Evidence</h2>\n</footer>\n</body>\n</html>\n");
}

struct record {
	const char *id;
	int64_t job;
	int64_t n;
	const char *at;
	const char *life;
	const char *reason;
};

static enum html_tone tone_of(const char *word)
{
	return *word == 'm' ? HTML_DOUBT : HTML_CALM;
}

static const struct html_column columns[] = {
	{"Token", HTML_CODE, offsetof(struct record, id), NULL},
	{"Job", HTML_ID, offsetof(struct record, job), NULL},
	{"Uses", HTML_COUNT, offsetof(struct record, n), NULL},
	{"At", HTML_TIME, offsetof(struct record, at), NULL},
	{"Life", HTML_WORD, offsetof(struct record, life), tone_of},
	{"Why", HTML_PROSE, offsetof(struct record, reason), NULL},
};

static const struct html_table table = {
	"All <tokens>", columns, ARRAY_LEN(columns), "No token."};

#define TABLE_HEAD                                                                       \
	"<div class=\"box\" role=\"region\" aria-labelledby=\"id1\" tabindex=\"0\">\n"   \
	"<table>\n<caption id=\"id1\">All &lt;tokens&gt;</caption>\n"                    \
	"<thead><tr><th class=\"c\" scope=\"col\">Token</th>"                            \
	"<th class=\"n\" scope=\"col\">Job</th><th class=\"n\" scope=\"col\">Uses</th>"  \
	"<th class=\"t\" scope=\"col\">At</th><th class=\"w\" scope=\"col\">Life</th>"   \
	"<th class=\"p\" scope=\"col\">Why</th></tr></thead>\n<tbody>\n"

static void tables(void **state)
{
	const struct record records[] = {
		{"sit_<1>", 12345, 12345, "2026-07-03 14:03:22.123", "may be live",
			"</td><script>alert(1)</script>"},
		{NULL, HTML_NONE, HTML_NONE, NULL, NULL, NULL},
		{"", 0, -1, "soon", "", "a\nb"},
	};

	(void)state;
	begin(&plain);
	html_table_begin(&page.html, &table);
	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		html_row(&page.html, &records[i]);
	html_table_end(&page.html, "3 of 4 & more");
	assert_string_equal(written(), TABLE_HEAD
		"<tr><th class=\"c\" scope=\"row\">sit_&lt;1&gt;</th>"
		"<td class=\"n\">12345</td><td class=\"n\">12,345</td>"
		"<td class=\"t\"><time datetime=\"2026-07-03T14:03:22.123Z\">"
		"2026-07-03 14:03:22</time></td>"
		"<td class=\"w\"><i class=\"dot k3\"></i>may be live</td>"
		"<td class=\"p\">&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;</td>"
		"</tr>\n"
		"<tr><th class=\"c\" scope=\"row\">–</th><td class=\"n\">–</td>"
		"<td class=\"n\">–</td><td class=\"t\">–</td><td class=\"w\">–</td>"
		"<td class=\"p\">–</td></tr>\n"
		"<tr><th class=\"c\" scope=\"row\"></th><td class=\"n\">0</td>"
		"<td class=\"n\">-1</td><td class=\"t\">soon</td>"
		"<td class=\"w\"><i class=\"dot k4\"></i></td>"
		"<td class=\"p\">a\\nb</td></tr>\n"
		"</tbody>\n</table>\n</div>\n"
		"<p class=\"remark\">3 of 4 &amp; more</p>\n");
}

static void empty_tables(void **state)
{
	(void)state;
	begin(&plain);
	html_table_begin(&page.html, &table);
	html_table_end(&page.html, NULL);
	assert_string_equal(written(),
		TABLE_HEAD "<tr><td class=\"empty\" colspan=\"6\">No token.</td></tr>\n"
			   "</tbody>\n</table>\n</div>\n");
}

/* Rows go out as they come: a long table takes no memory. */
static void long_tables(void **state)
{
	const struct record record = {.id = "sit_1", .reason = "because"};
	struct error err = ERROR_NULL;

	(void)state;
	begin(&plain);
	html_table_begin(&page.html, &table);
	for (int i = 0; i < 100000; i++) {
		html_row(&page.html, &record);
		assert_true(page.out.pending.len < 100000);
	}
	html_table_end(&page.html, NULL);
	assert_int_equal(page.html.n_rows, 100000);
	assert_int_equal(out_close(&page.out, &err), 0);
	assert_true(lseek(page.fd, 0, SEEK_END) > 10000000);
	(void)close(page.fd);
}

static void shares(void **state)
{
	const struct html_share groups[] = {
		{"within a day", 1500, HTML_DOUBT}, {"<later>", 0, HTML_DOUBT}};
	struct html_shares all = {"Live", "expires", "tokens", groups, 2, "None."};

	(void)state;
	begin(&plain);
	html_shares(&page.html, &all);
	all.n_shares = 0;
	html_shares(&page.html, &all);
	assert_string_equal(written(),
		"<table class=\"shares\">\n<caption>Live</caption>\n"
		"<thead><tr><th scope=\"col\">expires</th>"
		"<th class=\"n\" scope=\"col\">tokens</th>"
		"<td aria-hidden=\"true\"></td></tr></thead>\n<tbody>\n"
		"<tr><th scope=\"row\">within a day</th><td class=\"n\">1,500</td>"
		"<td class=\"bar\" aria-hidden=\"true\">"
		"<i class=\"k3\" style=\"width:100.00%\"></i></td></tr>\n"
		"<tr><th scope=\"row\">&lt;later&gt;</th><td class=\"n\">0</td>"
		"<td class=\"bar\" aria-hidden=\"true\"></td></tr>\n"
		"</tbody>\n</table>\n"
		"<table class=\"shares\">\n<caption>Live</caption>\n"
		"<thead><tr><th scope=\"col\">expires</th>"
		"<th class=\"n\" scope=\"col\">tokens</th>"
		"<td aria-hidden=\"true\"></td></tr></thead>\n<tbody>\n"
		"<tr><td class=\"empty\" colspan=\"3\">None.</td></tr>\n"
		"</tbody>\n</table>\n");
}

static const struct html_series outcomes[] = {
	{"succeeded", HTML_GOOD}, {"failed & gone", HTML_BAD}};

static void bars(void **state)
{
	const int64_t values[] = {1500, 2, 0, 0};
	const struct html_days days = {"Jobs", JULY_1, 2, outcomes, 2, values, "No job."};

	(void)state;
	begin(&plain);
	html_bars(&page.html, &days);
	assert_string_equal(written(),
		"<figure class=\"chart\">\n<figcaption>Jobs, per day</figcaption>\n"
		"<ul class=\"key\">\n"
		"<li><i class=\"dot k1\"></i>succeeded <b>1,500</b></li>\n"
		"<li><i class=\"dot k2\"></i>failed &amp; gone <b>2</b></li>\n</ul>\n"
		"<div class=\"plot\">\n<div class=\"y\" aria-hidden=\"true\">"
		"<span style=\"bottom:0.00%\">0</span>"
		"<span style=\"bottom:25.00%\">500</span>"
		"<span style=\"bottom:50.00%\">1k</span>"
		"<span style=\"bottom:75.00%\">1.5k</span>"
		"<span style=\"bottom:100.00%\">2k</span></div>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
		"aria-label=\"Jobs, per day, 2026-07-01 to 2026-07-02; the figures "
		"follow as a table\">\n"
		"<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"100.00%\" "
		"y2=\"100.00%\"/>\n"
		"<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"75.00%\" "
		"y2=\"75.00%\"/>\n"
		"<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"50.00%\" "
		"y2=\"50.00%\"/>\n"
		"<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"25.00%\" "
		"y2=\"25.00%\"/>\n"
		"<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"0.00%\" y2=\"0.00%\"/>\n"
		"<g><title>2026-07-01\nsucceeded: 1,500\nfailed &amp; gone: 2</title>"
		"<rect class=\"area\" x=\"0.00%\" y=\"0\" width=\"50.00%\" "
		"height=\"100%\"/>"
		"<rect class=\"k1\" x=\"22.00%\" y=\"25.90%\" width=\"6.00%\" "
		"height=\"74.10%\"/>"
		"<rect class=\"k2\" x=\"22.00%\" y=\"24.90%\" width=\"6.00%\" "
		"height=\"1.00%\"/></g>\n"
		"</svg>\n<div class=\"x\" aria-hidden=\"true\">"
		"<span style=\"left:25.00%\">Jul 1</span>"
		"<span style=\"left:75.00%\">Jul 2</span></div>\n</div>\n"
		"<details><summary>These figures as a table</summary>\n"
		"<div class=\"box\" role=\"region\" aria-labelledby=\"id1\" "
		"tabindex=\"0\">\n"
		"<table>\n<caption id=\"id1\">Jobs, per day</caption>\n"
		"<thead><tr><th class=\"w\" scope=\"col\">day</th>"
		"<th class=\"n\" scope=\"col\">succeeded</th>"
		"<th class=\"n\" scope=\"col\">failed &amp; gone</th></tr></thead>\n"
		"<tbody>\n"
		"<tr><th class=\"w\" scope=\"row\">2026-07-01</th>"
		"<td class=\"n\">1,500</td><td class=\"n\">2</td></tr>\n"
		"<tr><th class=\"w\" scope=\"row\">2026-07-02</th>"
		"<td class=\"n\">0</td><td class=\"n\">0</td></tr>\n"
		"</tbody>\n</table>\n</div>\n</details>\n</figure>\n");
}

/* How often one text stands in another. */
static int count_of(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static void many_bars(void **state)
{
	int64_t values[800];
	const struct html_days days = {
		"Jobs", JULY_1, 400, outcomes, 2, values, "No job."};
	const char *text;

	(void)state;
	for (int i = 0; i < 800; i++)
		values[i] = i % 2 ? 0 : 3000000000000;
	begin(&plain);
	html_bars(&page.html, &days);
	text = written();
	assert_non_null(strstr(text, "<figcaption>Jobs, per week</figcaption>"));
	assert_int_equal(count_of(text, "<g><title>"), 58);
	assert_int_equal(count_of(text, "<rect class=\"k1\""), 58);
	assert_int_equal(count_of(text, "<rect class=\"k2\""), 0);
	assert_non_null(strstr(text, "<title>2026-07-06 to 2026-07-12\nsucceeded: "
				     "21,000,000,000,000</title>"));
	assert_non_null(strstr(text, "scope=\"col\">week</th>"));
	assert_int_equal(count_of(text, " class=\"narrow\""), 0);
	assert_int_equal(count_of(text, "<span class=\"wide\""), 9);
}

static void no_bars(void **state)
{
	const int64_t values[] = {0, 0};
	struct html_days days = {"Jobs", JULY_1, 1, outcomes, 2, values, "No <job>."};

	(void)state;
	begin(&plain);
	html_bars(&page.html, &days);
	days.n_days = 0;
	html_bars(&page.html, &days);
	html_lines(&page.html, &days);
	assert_int_equal(
		count_of(written(),
			"<figure class=\"chart\">\n<figcaption>Jobs</figcaption>\n"
			"<p class=\"empty\">No &lt;job&gt;.</p>\n</figure>\n"),
		3);
}

static void lines(void **state)
{
	const int64_t values[] = {
		50, 100, 100, 200, HTML_NONE, HTML_NONE, 50, 5000, 50, HTML_NONE};
	const struct html_series series[] = {{"p50", HTML_GOOD}, {"p99", HTML_BAD}};
	const struct html_days days = {"Time", JULY_1, 5, series, 2, values, "None."};
	const char *text;

	(void)state;
	begin(&plain);
	html_lines(&page.html, &days);
	text = written();
	assert_non_null(
		strstr(text, "<figcaption>Time, per day <small>logarithmic scale</small>"
			     "</figcaption>\n"));
	/* A stroke for each stretch of days; from 30 ms to 10 s. */
	assert_non_null(strstr(text,
		"<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">\n"
		"<path class=\"line k1\" d=\"M100.0 912.1L300.0 792.7M700.0 912.1L900.0 "
		"912.1\"/>\n"
		"<path class=\"line k2\" d=\"M100.0 792.7L300.0 673.4M700.0 "
		"119.3\"/>\n</svg>\n"));
	assert_int_equal(count_of(text, "<circle"), 7);
	assert_non_null(strstr(
		text, "<circle class=\"k2\" cx=\"70.00%\" cy=\"11.93%\" r=\"2.5\"/>"));
	assert_int_equal(count_of(text, "<g><title>"), 4);
	assert_non_null(
		strstr(text, "<title>2026-07-04\np50: 50 ms\np99: 5,000 ms</title>"));
	assert_non_null(strstr(text, "<title>2026-07-05\np50: 50 ms</title>"));
	assert_non_null(strstr(text, "Time, per day, milliseconds</caption>"));
	assert_non_null(
		strstr(text, "<tr><th class=\"w\" scope=\"row\">2026-07-03</th>"
			     "<td class=\"n\">–</td><td class=\"n\">–</td></tr>\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escaping),
		cmocka_unit_test(counts),
		cmocka_unit_test(ages),
		cmocka_unit_test(documents),
		cmocka_unit_test(sections),
		cmocka_unit_test(tables),
		cmocka_unit_test(empty_tables),
		cmocka_unit_test(long_tables),
		cmocka_unit_test(shares),
		cmocka_unit_test(bars),
		cmocka_unit_test(many_bars),
		cmocka_unit_test(no_bars),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
