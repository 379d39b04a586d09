#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A request that came in and the answer to it, without a server library in sight.
 *
 * Routes know only this: net/http_server.c makes exchanges from sockets, tests make them from
 * structs.  An exchange is handled by one fiber and dies, with its arena, when that fiber's
 * function returns.  It is answered once: http_answer(), or http_stream() and then http_push() as
 * often as there is something.
 *
 * Who hangs up cancels only its own waiting: the exchange's fiber runs in a scope of its own, which
 * is cancelled then.  Nothing that belongs to a conversation runs in it. */

struct http_header {
	const char *name, *value;
};

struct http_exchange {
	/* What came.  All of it lives in mem and ends with a NUL; path and query not decoded. */
	struct arena *mem;
	const char *method, *path, *query; /* query: after the "?", "" when there is none */
	const struct http_header *headers;
	size_t nheaders;
	const char *body; /* "" when there is none; may hold NULs */
	size_t body_len;
	bool loopback; /* the peer is this machine */

	const struct http_exchange_class *class;
	bool answered, streaming;
};

/* How the answer leaves: sockets, or a test's buffer. */
struct http_exchange_class {
	void (*answer)(struct http_exchange *x, int status, const struct http_header *headers,
	    size_t nheaders, const char *body, size_t body_len);
	void (*stream)(struct http_exchange *x, int status, const struct http_header *headers,
	    size_t nheaders);
	int (*push)(struct http_exchange *x, const char *bytes, size_t n, struct err *e);
	int (*drain)(struct http_exchange *x, struct err *e);
	bool (*may_stream)(const struct http_exchange *x); /* NULL: always */
};

/* The value of a header, any case; NULL: not sent. */
const char *http_header(const struct http_exchange *x, const char *name);
/* A parameter of the query, decoded into mem; NULL: not there, or badly encoded. */
const char *http_query(const struct http_exchange *x, const char *name);
/* %XX and + undone; NULL when it is no UTF-8 afterwards. */
char *http_decode(struct arena *mem, const char *s, size_t n, bool plus_is_space);

/* The body is copied. */
void http_answer(struct http_exchange *x, int status, const struct http_header *headers,
    size_t nheaders, const char *body, size_t body_len);

/* Is there room for one more stream?  For whoever must not begin what it could not tell. */
bool http_may_stream(const struct http_exchange *x);
/* text/event-stream, no-store.  From here on http_push().  Without room it answers 503. */
void http_stream(struct http_exchange *x);
/* Copies and queues; never waits.  -1: ERR_LIMIT, the reader was more than 256 KiB behind already
 * and has been cut off; ERR_CANCELED, it is gone. */
int http_push(struct http_exchange *x, const char *bytes, size_t n, struct err *e);
/* Wait until most of what was pushed has left: for whoever has more at hand than a reader takes at
 * once.  A reader that takes nothing is given up after a while.  -1: ERR_CANCELED, it is gone. */
int http_drain(struct http_exchange *x, struct err *e);

#endif
