#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "fiber/world.h"
#include "net/http.h"

/* HTTP/1.1 for strangers: libmicrohttpd driven from the world's loop.
 *
 * For each whole request one fiber is started, in a scope that is cancelled when the client hangs
 * up, and `handle` is called in it.  What handle leaves unanswered is answered 500.
 *
 * What the library lacks is supplied here: hang-ups noticed while a request waits, total deadlines
 * for header, body and sending (5, 5 and 10 s; idle connections 15 s), strict framing (duplicate or
 * odd Content-Length, both framings at once, control bytes: 400 and closed), bodies over 1 MiB
 * refused before they are read (413).  Errors that are answered here have the contract's JSON
 * body, made by `refuse`.
 *
 * Not here: TLS (a reverse proxy in front), HTTP/2, multipart. */

struct http_server;

struct http_server_options {
	struct world *world;
	const char *host; /* "127.0.0.1", "::1", "0.0.0.0" */
	int port;         /* 0: any; http_server_port() tells */
	size_t body_max;  /* bytes; 0: 1 MiB */
	int streams_max;  /* more SSE streams get 503; 0: three fifths of the descriptors */
	void (*handle)(void *self, struct http_exchange *x);
	void *self;
	/* The body for an error found before a route was: JSON text in mem. */
	const char *(*refuse)(struct arena *mem, int status, const char *code, const char *message);
};

struct http_server *http_server_open(const struct http_server_options *o, struct err *e);
int http_server_port(const struct http_server *s);
int http_server_streams(void); /* the default of streams_max, in this process */
/* From a fiber: stop accepting, end streams, let running requests finish until `deadline`, then
 * cancel them, and close.  The struct is gone afterwards. */
void http_server_close(struct http_server *s, int64_t deadline);

#endif
