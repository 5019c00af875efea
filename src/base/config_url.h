/* The two kinds of URL in the configuration. For base/config*.c alone. */
#pragma once

/* What is wrong with url as the API's address: NULL = nothing, and *ret_url is then its
 * normal form as a new string that the caller frees (scheme and host in lower case, no
 * final
 * '/', "/v1" at the end). Else a static text such as "the URL has a query". */
const char *config_url_normalize(const char *url, char **ret_url);

/* The same for a proxy: http or https, a host, perhaps a port, nothing else. */
const char *config_url_check_proxy(const char *url);
