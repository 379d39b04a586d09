#include "net/reach.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* URLs that a model or a customer had a hand in: the first line of the input is one, the others are
 * the list of hosts.
 *
 * What our reader takes, the library that connects must take too, and read the same host and port
 * in it; an address must be one to getaddrinfo() and a name none.  Whatever the list, a URL with a
 * host that is in no line of it has no permit. */

#define LINES 8

static void same_host(const struct http_target *t, const char *host)
{
	size_t n = strlen(host);

	if (*host == '[') {
		host++;
		n -= 2;
	}
	if (strchr(t->host, ':')) /* the library writes IPv6 its own way */
		return;
	if (strlen(t->host) != n || strncasecmp(t->host, host, n))
		abort();
}

static void same_to_the_library(const struct http_target *t, const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL;

	if (curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		abort();
	same_host(t, host);
	if (atoi(port) != t->port)
		abort();
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
}

static void literal_to_the_system(const struct http_target *t)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *a = NULL;
	bool number = getaddrinfo(t->host, NULL, &hints, &a) == 0;

	if (number != t->literal)
		abort();
	if (a)
		freeaddrinfo(a);
}

/* Is it so that no line could mean this host? */
static bool unheard_of(const struct http_reach *reach, const struct http_target *t)
{
	const char *tail = strchr(t->host, '.');

	if (t->literal)
		return false;
	for (int i = 0; i < reach->n; i++)
		for (const char *s = t->host; s; s = strchr(s + 1, '.'))
			if (strcasestr(reach->hosts[i], s == t->host ? s : s + 1))
				return false;
	return tail != NULL;
}

static void permit(const struct http_reach *reach, const struct http_target *t)
{
	struct permit p;
	struct err e = { 0 };

	if (reach_permit(reach, t, &p, &e) < 0) {
		if (e.code != ERR_DENIED || !e.msg[0])
			abort();
		return;
	}
	if (unheard_of(reach, t) || p.kind == PERMIT_ANY || t->literal != (p.kind == PERMIT_EXACT))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = mem_alloc(n + 1), *line = text;
	const char *hosts[LINES];
	struct http_reach reach = { hosts, 0 };
	struct http_target t;
	struct err e = { 0 };

	memcpy(text, bytes, n);
	for (char *next; (next = strchr(line, '\n')) && reach.n < LINES; line = next + 1) {
		*next = '\0';
		hosts[reach.n++] = next + 1;
	}
	for (int i = 0; i < reach.n; i++)
		if (strchr(hosts[i], '\n'))
			*strchr(hosts[i], '\n') = '\0';
	if (http_target_read(&t, text, &e) == 0) {
		same_to_the_library(&t, text);
		literal_to_the_system(&t);
		permit(&reach, &t);
	} else if (e.code != ERR_INVALID || !e.msg[0]) {
		abort();
	}
	free(text);
	return 0;
}
