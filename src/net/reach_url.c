#include "net/reach.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* URLs as strictly as they can be read; see reach.h for why. */

#define URL_MAX 65536

static int refuse(struct err *e, const char *why)
{
	return err_set(e, ERR_INVALID, "the URL cannot be used: %s", why);
}

static int check_letters(const char *url, struct err *e)
{
	size_t n = strnlen(url, URL_MAX);

	if (n == URL_MAX)
		return refuse(e, "it is longer than 64 KiB");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)url[i];

		if (c <= ' ' || c >= 0x7f)
			return refuse(e, "spaces, control characters and letters outside ASCII "
					 "must be encoded (%20; in a host name xn--...)");
		if (c == '\\')
			return refuse(e, "a backslash must be encoded (%5C)");
		if (c == '#')
			return refuse(e, "what follows # is never sent; leave it out");
	}
	return 0;
}

/* Behind "://"; NULL: another scheme. */
static const char *after_scheme(const char *url, bool *tls)
{
	*tls = strncasecmp(url, "https://", 8) == 0;
	if (*tls)
		return url + 8;
	return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

static bool all_of(const char *s, size_t n, const char *letters)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(letters, s[i]))
			return false;
	return true;
}

static bool good_label(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' &&
		    s[i] != '_')
			return false;
	return n >= 1 && n <= 63;
}

/* A last label that some readers take for a number makes the whole an address to them. */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;

	if (last[0] == '0' && last[1] == 'x')
		return all_of(last + 2, strlen(last + 2), "0123456789abcdef");
	return all_of(last, strlen(last), "0123456789");
}

static int check_name(const char *host, struct err *e)
{
	const char *s = host;

	for (;;) {
		size_t n = strcspn(s, ".");

		if (!good_label(s, n))
			return refuse(e, "its host is no name: letters, digits, - and _ between "
					 "single dots, none at the end");
		if (!s[n])
			return 0;
		s += n + 1;
	}
}

static int read_name(struct http_target *t, struct err *e)
{
	struct in_addr a;

	if (check_name(t->host, e) < 0)
		return -1;
	if (!ends_in_number(t->host))
		return 0;
	if (inet_pton(AF_INET, t->host, &a) != 1)
		return refuse(e, "its host is an odd spelling of an address; write a.b.c.d");
	t->literal = true;
	t->address.s6_addr[10] = t->address.s6_addr[11] = 0xff;
	memcpy(t->address.s6_addr + 12, &a, sizeof(a));
	return 0;
}

static int read_v6(struct http_target *t, struct err *e)
{
	if (!all_of(t->host, strlen(t->host), "0123456789abcdef:.") ||
	    inet_pton(AF_INET6, t->host, &t->address) != 1)
		return refuse(e, "what is in brackets is no IPv6 address");
	t->literal = true;
	return 0;
}

static int copy_host(struct http_target *t, const char *s, size_t n, struct err *e)
{
	if (n == 0)
		return refuse(e, "it names no host");
	if (n >= sizeof(t->host))
		return refuse(e, "its host is longer than 253 letters");
	for (size_t i = 0; i < n; i++)
		t->host[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 'a' - 'A' : s[i]);
	return 0;
}

/* ":8443" or nothing. */
static int read_port(struct http_target *t, const char *s, size_t n, struct err *e)
{
	long port;

	t->port = t->tls ? 443 : 80;
	if (n == 0)
		return 0;
	if (s[0] != ':' || n < 2 || n > 6 || s[1] == '0' || !all_of(s + 1, n - 1, "0123456789"))
		return refuse(e, "behind its host stands no port");
	port = strtol(s + 1, NULL, 10);
	if (port > 65535)
		return refuse(e, "a port is 1 to 65535");
	t->port = (uint16_t)port;
	return 0;
}

/* host[:port] or [v6][:port], n letters. */
static int read_authority(struct http_target *t, const char *s, size_t n, struct err *e)
{
	const char *end = memchr(s, s[0] == '[' ? ']' : ':', n);
	size_t host = end ? (size_t)(end - s) : n;

	if (memchr(s, '@', n))
		return refuse(e, "it holds a name or a password; send them in a field");
	if (n > 0 && s[0] == '[') {
		if (!end)
			return refuse(e, "a bracket is not closed");
		if (copy_host(t, s + 1, host - 1, e) < 0 || read_v6(t, e) < 0)
			return -1;
		host++;
	} else if (copy_host(t, s, host, e) < 0 || read_name(t, e) < 0) {
		return -1;
	}
	return read_port(t, s + host, n - host, e);
}

int http_target_read(struct http_target *t, const char *url, struct err *e)
{
	const char *s;

	*t = (struct http_target){ .host = "" };
	if (check_letters(url, e) < 0)
		return -1;
	s = after_scheme(url, &t->tls);
	if (!s)
		return refuse(e, "it begins with neither http:// nor https://");
	t->authority = s;
	t->nauthority = strcspn(s, "/?");
	return read_authority(t, s, t->nauthority, e);
}
