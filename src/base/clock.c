#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct now clock_now(void)
{
	return (struct now){
		.mono_ms = read_ms(CLOCK_BOOTTIME), .wall_ms = read_ms(CLOCK_REALTIME)};
}

/* Days since 1970 of a date in the proleptic Gregorian calendar, and back; the arithmetic
 * counts years from March so that the leap day is a year's last. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t days, int *ret_y, int *ret_m, int *ret_d)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*ret_d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*ret_m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_y = (int)(yoe + era * 400 + (*ret_m <= 2));
}

static void put_digits(char *at, int value, int n)
{
	while (n-- > 0) {
		at[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

void clock_format(int64_t wall_ms, char ret_text[CLOCK_TEXT_LEN])
{
	const int64_t min_ms = -62167219200000, max_ms = 253402300799999;
	int64_t days, rest;
	int y, m, d;

	if (wall_ms < min_ms)
		wall_ms = min_ms;
	if (wall_ms > max_ms)
		wall_ms = max_ms;
	days = wall_ms / 86400000;
	rest = wall_ms % 86400000;
	if (rest < 0) {
		rest += 86400000;
		days--;
	}
	civil_from_days(days, &y, &m, &d);
	memcpy(ret_text, "0000-00-00 00:00:00.000", CLOCK_TEXT_LEN);
	put_digits(ret_text, y, 4);
	put_digits(ret_text + 5, m, 2);
	put_digits(ret_text + 8, d, 2);
	put_digits(ret_text + 11, (int)(rest / 3600000), 2);
	put_digits(ret_text + 14, (int)(rest / 60000 % 60), 2);
	put_digits(ret_text + 17, (int)(rest / 1000 % 60), 2);
	put_digits(ret_text + 20, (int)(rest % 1000), 3);
}

void clock_format_s(int64_t wall_ms, char ret_text[CLOCK_TEXT_LEN])
{
	clock_format(wall_ms, ret_text);
	ret_text[19] = '\0';
}

/* Reads n digits at *text into *ret and moves on; false where there are fewer. */
static bool take_digits(const char **text, int n, int *ret)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*text)[i]))
			return false;
		value = value * 10 + ((*text)[i] - '0');
	}
	*text += n;
	*ret = value;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool take_date(const char **text, int64_t *ret_days)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int y, m, d, length;

	if (!take_digits(text, 4, &y) || !take_char(text, '-') ||
		!take_digits(text, 2, &m) || !take_char(text, '-') ||
		!take_digits(text, 2, &d) || m < 1 || m > 12)
		return false;
	length = lengths[m - 1];
	if (m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0))
		length = 29;
	if (d < 1 || d > length)
		return false;
	*ret_days = days_from_civil(y, m, d);
	return true;
}

/* Takes ":SS" and ".S" to ".SSS" where they stand. */
static bool take_seconds(const char **text, int *ret_s, int *ret_ms)
{
	int scale = 100;

	*ret_s = *ret_ms = 0;
	if (!take_char(text, ':'))
		return true;
	if (!take_digits(text, 2, ret_s) || *ret_s > 59)
		return false;
	if (!take_char(text, '.'))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; scale && isdigit((unsigned char)**text); scale /= 10)
		*ret_ms += (*(*text)++ - '0') * scale;
	return true;
}

bool clock_parse(const char *text, int64_t *ret_ms)
{
	int64_t days;
	int h, min, s, ms;
	bool t;

	if (!take_date(&text, &days))
		return false;
	t = *text == 'T';
	if (!t && *text != ' ')
		return false;
	text++;
	if (!take_digits(&text, 2, &h) || !take_char(&text, ':') ||
		!take_digits(&text, 2, &min) || h > 23 || min > 59)
		return false;
	if (!take_seconds(&text, &s, &ms))
		return false;
	if (!take_char(&text, 'Z') && t)
		return false;
	if (*text)
		return false;
	*ret_ms = ((days * 24 + h) * 60 + min) * 60000 + s * 1000 + ms;
	return true;
}

bool clock_parse_or_date(const char *text, int64_t *ret_ms, bool *ret_is_date)
{
	const char *rest = text;
	int64_t days;

	if (take_date(&rest, &days) && !*rest) {
		*ret_ms = days * 86400000;
		*ret_is_date = true;
		return true;
	}
	if (!clock_parse(text, ret_ms))
		return false;
	*ret_is_date = false;
	return true;
}
