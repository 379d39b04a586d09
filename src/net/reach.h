#ifndef NET_REACH_H
#define NET_REACH_H

#include "base/err.h"
#include "net/http_client.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The address guard: where a URL points to, and whether it may be gone to.
 *
 * URLs are read narrowly.  What two readers could take for two hosts is refused: a user name, a
 * backslash, an address in any spelling but the usual one (127.1, 0x7f.1), a dot at the end, a
 * letter outside ASCII (the name is to be written as xn--...).  So who checks and who connects
 * cannot differ.
 *
 * The list of hosts (struct http_reach) gives a URL's host a permit; each address it turns out to
 * have is held against that before a connection to it is made, and again before a request goes
 * out on a connection that somebody else had made.  A list is never asked again with an address:
 * names in it say nothing about addresses. */

/* Of a URL: http://pay.example:8443/x?y */
struct http_target {
	char host[254]; /* lower case, without brackets */
	uint16_t port;
	const char *authority; /* host and port as they stand in the URL, `nauthority` letters */
	size_t nauthority;
	bool tls, literal;       /* literal: the host is an address */
	struct in6_addr address; /* that one; IPv4 as ::ffff:a.b.c.d */
};

/* -1: ERR_INVALID, what is wrong with it; the message has nothing of the URL but its host. */
int http_target_read(struct http_target *t, const char *url, struct err *e);

enum permit_kind {
	PERMIT_ANY,      /* there was no list */
	PERMIT_PUBLIC,   /* listed by a wildcard */
	PERMIT_PRIVATE,  /* listed by its name: public, and private as well */
	PERMIT_LOOPBACK, /* listed as localhost */
	PERMIT_EXACT,    /* listed by its address: that one */
};

struct permit {
	enum permit_kind kind;
	struct in6_addr exact;
};

/* -1: ERR_DENIED, not in the list, or an address it may not have. */
int reach_permit(
    const struct http_reach *reach, const struct http_target *t, struct permit *p, struct err *e);
/* May a connection be made to this address?  -1: ERR_DENIED. */
int reach_check(const struct permit *p, const struct sockaddr *to, struct err *e);

#endif
