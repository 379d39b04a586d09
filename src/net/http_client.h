#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "fiber/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HTTP to others: models, tools, whatever the company runs.
 *
 * A fiber asks, waits for the head of the answer, then takes its body piece by piece:
 *
 *     x = http_open(client, &request, &sent, e);
 *     while ((n = http_read(x, &bytes, e)) > 0) ...
 *     http_close(x);
 *
 * Every wait ends by the request's own times, by the scope's deadline, or when the scope is
 * cancelled; http_close() at any moment gives everything back and may cut the answer off.
 *
 * There are two.  In a real world it is libcurl on the world's loop (http_curl.c): connections are
 * kept and shared by all fibers, over TLS with HTTP/2 many requests go on one; no proxy of the
 * environment, no redirect followed, no cookie kept, no answer decoded that would grow past its
 * limit; certificates are the system's, or those of CURL_CA_BUNDLE or SSL_CERT_FILE.  In a
 * simulation a function of the test answers, on virtual time (http_client_answers()),
 * and in a crashed world nothing goes out any more.
 *
 * Who reads slowly holds up the sender over HTTP/1.1; over HTTP/2 the answer is kept, up to its
 * limit.
 *
 * Not promised: order between requests; that what was given up was not received. */

struct http_client;

/* One a server.  At most `connections` at a time: whoever comes later waits (0: as many as the
 * process's descriptors allow beside everything else, a quarter being left to the rest). */
struct http_client *http_client_new(struct world *w, int connections, struct err *e);
void http_client_free(struct http_client *c); /* after the last http_close() */

struct http_field {
	const char *name, *value;
};

struct http_piece {
	const char *bytes;
	size_t n;
};

/* Where a request may go: the address guard.
 *
 * `hosts` are "pay.example", "pay.example:8443" or "*.pay.example".  What counts is the address
 * that is connected to, whatever the name says: a wildcard reaches public addresses alone; a host
 * that is listed by its full name may be at a private one (10/8, 172.16/12, 192.168/16, 100.64/10,
 * fc00::/7) too; loopback only as "localhost" or by its address; link-local, multicast, unspecified
 * and reserved ones only by their address.  Without a port: 80 and 443. */
struct http_reach {
	const char *const *hosts;
	int n;
};

struct http_request {
	const char *method; /* "POST" */
	const char *url;    /* absolute, http or https, encoded */
	/* None that frames the message (Content-Length, Connection, ...), nor Host: ERR_INVALID. */
	const struct http_field *fields;
	int nfields;
	const struct http_piece *body; /* sent one behind the other; copied, free at once */
	int npieces;
	const struct http_reach *reach; /* NULL: anywhere; for what the operator names himself */
	/* Milliseconds: until connected; from then until the head; between two pieces of the body.
	 * 0: 5000, 30000, 30000. */
	int64_t connect_ms, first_byte_ms, silence_ms;
	size_t max_body; /* of the answer; more is ERR_LIMIT.  0: 16 MiB */
	/* It must not be received twice.  One that is sent on a kept connection, which breaks before
	 * a byte of the answer came, is sent again on another: mostly the server had closed the first
	 * unheard, but it may have heard.  This one gets a new connection, and is sent once. */
	bool once;
};

/* How far a failed request came: whether it may have had an effect. */
enum http_sent {
	HTTP_NOT_SENT, /* nothing of it left: refused, no such host, guarded, not connected */
	HTTP_SENT,     /* it may have been received */
};

struct http_open;

/* Ask, and wait for the head of the answer.  NULL: ERR_IO (no connection, cut off), ERR_LIMIT (no
 * descriptor was to be had for as long as a connection is waited for, a head too long), ERR_TIMEOUT
 * (a time of the request's or of the scope: fiber_check() tells), ERR_CANCELED, ERR_DENIED (the
 * guard), ERR_INVALID (the URL, a field).  The message names the host and what went wrong, never
 * the query and never a field.  *sent is filled either way. */
struct http_open *http_open(
    struct http_client *c, const struct http_request *r, enum http_sent *sent, struct err *e);
int http_status(const struct http_open *x);
/* A field of the head, any case; NULL: not sent.  Lives until http_close(). */
const char *http_field(const struct http_open *x, const char *name);
/* The next bytes of the body: their number, 0 at its regular end, -1: cut off, too slow, too long.
 * *bytes lives until the next call. */
int http_read(struct http_open *x, const char **bytes, struct err *e);
void http_close(struct http_open *x); /* NULL is fine */

/* Simulation.  For each request fn runs on a fiber of its own and answers: http_sim_head() once,
 * then http_sim_body() as often as it likes (both may be slow: they and fn may sleep), and the
 * answer ends when fn returns.  http_sim_cut() before that: the connection breaks.  A fn that
 * returns without a head, or none: the connection was refused.  http_sim_connect(), first of all:
 * the connection takes so long to come about.  `r` and its body, in one piece, are in fn's hands
 * until it returns; when the asker has gone, or the world crashed, the calls return -1.  There are
 * no names to look up, so the guard sees the list, and the address of a host that is one. */
struct http_sim;
void http_client_answers(struct http_client *c,
    void (*fn)(void *self, struct http_sim *x, const struct http_request *r), void *self);
int http_sim_connect(struct http_sim *x, int64_t ms);
int http_sim_head(struct http_sim *x, int status, const struct http_field *fields, int n);
int http_sim_body(struct http_sim *x, const char *bytes, size_t n);
void http_sim_cut(struct http_sim *x);

#endif
