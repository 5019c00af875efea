/* Whether Clerk's API answers. Without a key: any answer will do. */
#include "ctl/doctor.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define REACH_MS    5000
#define CLOCK_OFF_S 60

static void curl_cleanup(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

/* The server's Date, to hold our clock against. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	static const char name[] = "date:";
	int64_t *date = userdata;

	if (size * n > sizeof(name) && size * n < 100 &&
		!strncasecmp(line, name, sizeof(name) - 1)) {
		AUTO(free_ptr)
		char *value =
			xstrndup(line + sizeof(name) - 1, size * n - (sizeof(name) - 1));

		*date = (int64_t)curl_getdate(value, NULL);
	}
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	(void)data;
	(void)userdata;
	return size * n;
}

/* The same care as the daemon's: no redirects, no foreign protocols, no proxy but the
 * configured one. */
static CURL *prepare(const struct config *config, int64_t *date)
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	(void)curl_easy_setopt(curl, CURLOPT_URL, config->clerk_api_url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, config->clerk_proxy);
	(void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)REACH_MS);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(
		curl, CURLOPT_USERAGENT, "clerk-tokenctl/" PROJECT_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, date);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	if (*config->clerk_ca_file)
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, config->clerk_ca_file);
	return curl;
}

static void say_date(struct doctor *doctor, int64_t date)
{
	int64_t off = clock_now().wall_ms / 1000 - date;

	if (date <= 0)
		return;
	if (off > -CLOCK_OFF_S && off < CLOCK_OFF_S)
		doctor_say(doctor, DOCTOR_OK, NULL, "clock: agrees with Clerk's");
	else
		doctor_say(doctor, DOCTOR_WARN,
			"set it right: expiry and not_after go by it",
			"clock: %" PRId64 " s off from Clerk's", off);
}

void doctor_reach(struct doctor *doctor)
{
	const struct config *config = doctor->ctl->config;
	int64_t date = 0;
	AUTO(curl) CURL *curl = prepare(config, &date);
	CURLcode code;
	long status = 0;

	if (!curl)
		return;
	code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status) {
		doctor_say(doctor, DOCTOR_OK, NULL, "api: %s answers",
			config->clerk_api_url);
		say_date(doctor, date);
		return;
	}
	doctor_say(doctor, DOCTOR_FAIL,
		"look at the name service, firewall, clerk.proxy and clerk.ca_file",
		"api: %s cannot be reached: %s", config->clerk_api_url,
		curl_easy_strerror(code));
}
