#include "net/reach.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Which kind of address is which: IANA's special-purpose registries.  What is in none of the
 * networks below is public when it is IPv4 or in 2000::/3; everything else is special. */

enum zone {
	ZONE_PUBLIC,
	ZONE_PRIVATE,
	ZONE_LOOPBACK,
	ZONE_SPECIAL, /* link-local, multicast, unspecified, reserved */
};

struct network {
	unsigned char bytes[16];
	int bits;
	enum zone zone;
};

static const struct network networks4[] = {
	{ { 0 }, 8, ZONE_SPECIAL }, { { 10 }, 8, ZONE_PRIVATE }, { { 100, 64 }, 10, ZONE_PRIVATE },
	{ { 127 }, 8, ZONE_LOOPBACK }, { { 169, 254 }, 16, ZONE_SPECIAL },
	{ { 172, 16 }, 12, ZONE_PRIVATE }, { { 192, 0, 0 }, 24, ZONE_SPECIAL },
	{ { 192, 0, 2 }, 24, ZONE_SPECIAL }, { { 192, 88, 99 }, 24, ZONE_SPECIAL },
	{ { 192, 168 }, 16, ZONE_PRIVATE }, { { 198, 18 }, 15, ZONE_SPECIAL },
	{ { 198, 51, 100 }, 24, ZONE_SPECIAL }, { { 203, 0, 113 }, 24, ZONE_SPECIAL },
	{ { 224 }, 3, ZONE_SPECIAL }, /* multicast, reserved, broadcast */
};

static const struct network networks6[] = {
	{ { 0 }, 127, ZONE_SPECIAL }, /* ::; ::1 is told before */
	{ { 0xfc }, 7, ZONE_PRIVATE },
	{ { 0x20, 0x01 }, 23, ZONE_SPECIAL }, /* protocols: Teredo, benchmarks, ORCHID */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, ZONE_SPECIAL },
	{ { 0x3f, 0xff }, 20, ZONE_SPECIAL },
	{ { 0x20 }, 3, ZONE_PUBLIC },
};

/* IPv6 networks that carry an IPv4 address: what answers is there. */
static const struct {
	unsigned char bytes[16];
	int bits, at; /* where its four bytes begin */
} carriers[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, 12 },     /* ::ffff:a.b.c.d */
	{ { [0] = 0x00, 0x64, 0xff, 0x9b }, 96, 12 }, /* NAT64 */
	{ { [0] = 0x20, 0x02 }, 16, 2 },              /* 6to4 */
	{ { [8] = 0xff, 0xff }, 96, 12 },             /* ::ffff:0:a.b.c.d, translated */
};

static bool within(const unsigned char *a, const unsigned char *network, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	return !memcmp(a, network, (size_t)whole) &&
	       (!rest || (a[whole] ^ network[whole]) >> (8 - rest) == 0);
}

static enum zone zone_in(
    const struct network *list, size_t n, const unsigned char *a, enum zone otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (within(a, list[i].bytes, list[i].bits))
			return list[i].zone;
	return otherwise;
}

static enum zone zone_of(const struct in6_addr *a)
{
	for (size_t i = 0; i < array_len(carriers); i++)
		if (within(a->s6_addr, carriers[i].bytes, carriers[i].bits))
			return zone_in(networks4, array_len(networks4), a->s6_addr + carriers[i].at,
			    ZONE_PUBLIC);
	if (IN6_IS_ADDR_LOOPBACK(a))
		return ZONE_LOOPBACK;
	return zone_in(networks6, array_len(networks6), a->s6_addr, ZONE_SPECIAL);
}

static bool may(const struct permit *p, const struct in6_addr *a)
{
	enum zone zone = zone_of(a);

	switch (p->kind) {
	case PERMIT_ANY: return true;
	case PERMIT_PUBLIC: return zone == ZONE_PUBLIC;
	case PERMIT_PRIVATE: return zone == ZONE_PUBLIC || zone == ZONE_PRIVATE;
	case PERMIT_LOOPBACK: return zone == ZONE_LOOPBACK;
	case PERMIT_EXACT: return !memcmp(a, &p->exact, sizeof(*a));
	}
	return false;
}

static int check(const struct permit *p, const struct in6_addr *a, struct err *e)
{
	static const char *const zones[] = { "a public", "a private", "a loopback",
		"a link-local, multicast or reserved" };
	char text[INET6_ADDRSTRLEN] = "";

	if (may(p, a))
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, a->s6_addr + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, a, text, sizeof(text));
	return err_set(e, ERR_DENIED,
	    "its address %s is %s one, which the list of hosts does not allow for it", text,
	    zones[zone_of(a)]);
}

int reach_check(const struct permit *p, const struct sockaddr *to, struct err *e)
{
	struct in6_addr a = { 0 };

	if (to->sa_family == AF_INET6) {
		a = ((const struct sockaddr_in6 *)(const void *)to)->sin6_addr;
	} else if (to->sa_family == AF_INET) {
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		memcpy(
		    a.s6_addr + 12, &((const struct sockaddr_in *)(const void *)to)->sin_addr, 4);
	} else {
		return err_set(e, ERR_DENIED, "its address is not one of the internet");
	}
	return check(p, &a, e);
}

/* "pay.example:8443" of a list, as the host and port of a URL are read; a port that is not said
 * is 80 or 443. */
static bool read_entry(struct http_target *entry, const char *text, bool *any_port)
{
	char url[300];
	const char *port = strrchr(text, ':');
	struct err e;

	if (snprintf(url, sizeof(url), "http://%s", text) >= (int)sizeof(url) ||
	    strpbrk(text, "/?") || http_target_read(entry, url, &e) < 0)
		return false;
	*any_port = !port || strchr(port, ']');
	return true;
}

static bool matches(const struct http_target *entry, bool wild, const struct http_target *t)
{
	size_t tail = strlen(entry->host), n = strlen(t->host);

	if (entry->literal || t->literal)
		return entry->literal && t->literal && !wild &&
		       !memcmp(&entry->address, &t->address, sizeof(t->address));
	if (!wild)
		return !strcmp(entry->host, t->host);
	return n > tail + 1 && t->host[n - tail - 1] == '.' &&
	       !strcmp(t->host + n - tail, entry->host);
}

static bool permits(const char *text, const struct http_target *t, struct permit *p)
{
	bool wild = text[0] == '*' && text[1] == '.', any_port;
	struct http_target entry;

	if (!read_entry(&entry, wild ? text + 2 : text, &any_port) || !matches(&entry, wild, t))
		return false;
	if (any_port ? t->port != 80 && t->port != 443 : t->port != entry.port)
		return false;
	if (wild)
		p->kind = PERMIT_PUBLIC;
	else if (t->literal)
		p->kind = PERMIT_EXACT;
	else
		p->kind = strcmp(t->host, "localhost") ? PERMIT_PRIVATE : PERMIT_LOOPBACK;
	p->exact = t->address;
	return true;
}

/* A host that is listed by its name and by a wildcard has the wider permit of the two. */
int reach_permit(
    const struct http_reach *reach, const struct http_target *t, struct permit *p, struct err *e)
{
	struct permit one;
	bool listed = false;

	*p = (struct permit){ .kind = PERMIT_ANY };
	if (!reach)
		return 0;
	for (int i = 0; i < reach->n; i++)
		if (permits(reach->hosts[i], t, &one) && (!listed || one.kind > p->kind)) {
			*p = one;
			listed = true;
		}
	if (!listed)
		return err_set(e, ERR_DENIED,
		    "the list of hosts has no %s with port %d; add it there if it is meant to be "
		    "reached",
		    t->host, t->port);
	return t->literal ? check(p, &t->address, e) : 0;
}
