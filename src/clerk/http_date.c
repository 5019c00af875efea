#include "clerk/http_date.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define YEAR_9999_S INT64_C(253402300799)

/* All three forms begin with a weekday. curl_getdate() takes many more, such as a lone
 * year, and years of ten digits, so that is looked at here. */
int64_t http_date_ms(const char *text, size_t len)
{
	char date[64];
	int64_t at;

	if (!len || len >= sizeof(date) || !isalpha((unsigned char)*text) ||
		!memchr(text, ':', len))
		return -1;
	(void)snprintf(date, sizeof(date), "%.*s", (int)len, text);
	at = curl_getdate(date, NULL);
	return at < 0 || at > YEAR_9999_S ? -1 : at * 1000;
}
