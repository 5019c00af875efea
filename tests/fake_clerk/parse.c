#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_MS 86400000

bool parse_number(const char *text, long long low, long long high, long long *ret_number)
{
	if (!isdigit((unsigned char)text[0]) && text[0] != '-')
		return false;
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno || *end || end == text || number < low || number > high)
		return false;
	*ret_number = number;
	return true;
}

bool parse_probability(const char *text, double *ret_probability)
{
	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return false;
	char *end;
	double number = strtod(text, &end);
	if (*end || !(number >= 0.0 && number <= 1.0))
		return false;
	*ret_probability = number;
	return true;
}

bool parse_range_ms(const char *text, int *ret_low, int *ret_high)
{
	char low_text[16];
	size_t len = strcspn(text, "-");
	if (len >= sizeof(low_text))
		return false;
	memcpy(low_text, text, len);
	low_text[len] = '\0';
	long long low, high;
	if (!parse_number(low_text, 0, LONGEST_MS, &low))
		return false;
	high = low;
	if (text[len] && !parse_number(text + len + 1, low, LONGEST_MS, &high))
		return false;
	*ret_low = (int)low;
	*ret_high = (int)high;
	return true;
}
