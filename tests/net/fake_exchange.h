#ifndef TESTS_NET_FAKE_EXCHANGE_H
#define TESTS_NET_FAKE_EXCHANGE_H

#include "base/buf.h"
#include "fiber/fiber.h"
#include "net/http.h"

/* A request without a socket, for tests of routes, in the simulated world or the real one.
 *
 *     struct fake_exchange *f = fake_exchange_new(mem, "POST", "/v1/conversations?x=1", "{}");
 *     fake_exchange_header(f, "Authorization", "Bearer k");
 *     fake_exchange_run(f, routes_handle, routes);
 *     CHECK_INT(f->status, 201);
 *     CHECK_STR(fake_exchange_body(f), "...");
 *
 * That waits, in the calling fiber, until the handler has returned.  For a handler that streams, or
 * several requests at once, fake_exchange_start() gives it a fiber in a scope of yours, and the
 * waits below tell how far it is.
 *
 * As on the server, the exchange and its arena are gone when the handler returns (what it said is
 * kept), and hanging up cancels its waiting.  The struct and what it said live in `mem`, which
 * must outlive the scope. */

struct fake_exchange {
	/* What the handler said. */
	int status; /* 0: nothing yet */
	const struct http_header *headers;
	size_t nheaders;
	struct buf said;       /* the body, or what was pushed so far; see fake_exchange_body() */
	bool streaming, ended; /* ended: the handler has returned */

	/* Set before it starts: */
	bool loopback;     /* true at first */
	size_t push_limit; /* a push beyond so many bytes in all fails as for a slow reader; 0:
			      never */

	struct arena *mem;
	const char *method, *target, *body;
	size_t body_len;
	struct http_header in[32];
	size_t nin;
	void (*handle)(void *self, struct http_exchange *x);
	void *self;
	struct fake_handling *handling; /* while the handler runs */
	bool hung_up;
	struct signal changed;
};

struct fake_exchange *fake_exchange_new(
    struct arena *mem, const char *method, const char *target, const char *body);
void fake_exchange_header(struct fake_exchange *f, const char *name, const char *value);

void fake_exchange_run(
    struct fake_exchange *f, void (*handle)(void *self, struct http_exchange *x), void *self);
void fake_exchange_start(struct fake_exchange *f, struct scope *s,
    void (*handle)(void *self, struct http_exchange *x), void *self);

/* Wait for an answer or the beginning of a stream; for so many bytes of body or stream; for these
 * words in it; for the handler to return.  -1: the deadline came first, or the handler returned
 * before it (ERR_NOT_FOUND). */
int fake_exchange_wait_answer(struct fake_exchange *f, int64_t deadline, struct err *e);
int fake_exchange_wait_bytes(struct fake_exchange *f, size_t n, int64_t deadline, struct err *e);
int fake_exchange_wait_words(
    struct fake_exchange *f, const char *words, int64_t deadline, struct err *e);
int fake_exchange_wait_end(struct fake_exchange *f, int64_t deadline, struct err *e);

/* The client is gone: pushes fail, the handler's scope is cancelled. */
void fake_exchange_hang_up(struct fake_exchange *f);

const char *fake_exchange_body(const struct fake_exchange *f);
const char *fake_exchange_said(const struct fake_exchange *f, const char *header); /* or NULL */

#endif
