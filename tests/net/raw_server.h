#ifndef TESTS_NET_RAW_SERVER_H
#define TESTS_NET_RAW_SERVER_H

#include <stdbool.h>
#include <stddef.h>

/* A server that answers with given bytes, right or wrong, on a thread of its own.
 *
 * The first request it hears gets the first answer, the next the next, on whichever connection they
 * come; the last answer stands for all that follow.  A request is a head and as much body as its
 * Content-Length says. */

struct raw_answer {
	const char *bytes; /* NULL: none */
	size_t n;          /* 0: strlen(bytes) */
	enum {
		RAW_KEEPS, /* the connection */
		RAW_CLOSES,
		RAW_RESETS,
	} then;
};

struct raw;

struct raw *raw_open(const struct raw_answer *answers, int n); /* copies nothing */
int raw_port(const struct raw *r);
int raw_accepted(const struct raw *r);     /* connections so far */
int raw_asked(const struct raw *r);        /* whole requests so far */
int raw_gone(const struct raw *r);         /* connections that the client has closed */
const char *raw_last(struct raw *r);       /* the last whole request; only while nothing is asked */
void raw_close_connections(struct raw *r); /* now, from the test's side: all of them */
void raw_close(struct raw *r);

#endif
