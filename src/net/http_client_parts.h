#ifndef NET_HTTP_CLIENT_PARTS_H
#define NET_HTTP_CLIENT_PARTS_H

#include "base/buf.h"
#include "fiber/fiber.h"
#include "net/http_client.h"
#include "net/reach.h"

/* Between the client's two halves; only http_client*.c and http_curl*.c include it.
 *
 * http_client.c is the asker's side: it checks, waits, and keeps the times.  A carrier, libcurl or
 * the simulation, brings the answer: it calls http_took_...() as things come, from the loop or from
 * a fiber, and http_ended() once.  From then on, or from stop() on, the two know nothing of each
 * other. */

#define HTTP_AHEAD (64 * 1024) /* so many bytes may lie unread; then the sender has to wait */

#define HTTP_CUT_HEAD "the connection was cut off before an answer came"
#define HTTP_CUT_BODY "the connection was cut off in the middle of its answer"

struct http_carrier_class {
	/* Send it; r lives until the call returns, its permit in x until the head is there.
	 * -1: it cannot be sent; then nothing was begun. */
	int (*start)(struct http_open *x, const struct http_request *r, struct err *e);
	void (*more)(struct http_open *x); /* there is room again */
	bool (*sent)(const struct http_open *x);
	void (*stop)(struct http_open *x); /* the asker goes before the end */
	void (*free)(struct http_client *c);
};

struct http_client {
	struct world *world;
	const struct http_carrier_class *class;
	struct semaphore places;
	int connections, open;
};

struct http_open {
	struct http_client *client;
	void *carrier; /* the other half's; it is NULL when that has ended */
	char *host;    /* "pay.example:8443", for messages */
	struct permit permit;
	struct signal changed;
	int64_t opened, connected, connect_ms, first_byte_ms, silence_ms;
	bool sending; /* connected, and the request on its way */
	bool headed, ended, full;
	bool sent; /* as the carrier knew when it ended */
	int status;
	struct buf head; /* name, NUL, value, NUL and so on */
	struct buf came, given;
	size_t received, max_body;
	struct err *failure; /* NULL: it ended well, or goes on */
};

/* The carrier's calls.  Fields come one by one, then the head is complete. */
void http_connected(struct http_open *x);
void http_took_field(
    struct http_open *x, const char *name, size_t nname, const char *value, size_t n);
void http_took_head(struct http_open *x, int status);
/* -1: ERR_LIMIT, more than the asker wants; end it with that.  Is there room for more?  x->full. */
int http_took_body(struct http_open *x, const char *bytes, size_t n, struct err *e);
/* why: NULL, it is complete.  The carrier forgets x. */
void http_ended(struct http_open *x, bool sent, const struct err *why);

/* The code of `why`, of what was not sent, where a socket could not be made for want of descriptors or memory. */
#define HTTP_SHORT ERR_LIMIT

struct http_client *http_client_sim(struct world *w);
struct http_client *http_client_curl(struct world *w, int connections, struct err *e);

#endif
