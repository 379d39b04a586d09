#ifndef NET_HTTP_DEADLINES_H
#define NET_HTTP_DEADLINES_H

#include "base/list.h"

#include <stdint.h>
#include <uv.h>

/* How long a client may take over each thing, in all.
 *
 * The library's own timeout is one of silence: a byte a second keeps a connection for ever.  Here
 * a connection waits for one thing at a time and has a total for it.  All totals of one kind are
 * equally long, so a queue per kind is in order by itself: setting and taking back are constant
 * time, and one timer, armed for the earliest, serves all.
 *
 * When a time has come the socket is shut down; the library sees that like a client that left, and
 * cleans up on its usual path. */

enum http_wait {
	WAIT_HEADER, /* from accept, or from the request line on a kept connection */
	WAIT_BODY,
	WAIT_SEND, /* an answer in all; a stream without progress */
	WAIT_IDLE, /* between two requests */
	WAITS,
	WAIT_NOTHING = WAITS /* it is our turn */
};

struct http_due {
	struct link link;
	uint64_t at;
	int fd;
};

struct http_deadlines {
	uv_timer_t timer;
	struct link queues[WAITS];
	int ms[WAITS];
	unsigned long passed[WAITS];
};

/* The caller closes d->timer. */
void http_deadlines_init(struct http_deadlines *d, uv_loop_t *loop);

void http_due_init(struct http_due *u, int fd);
void http_due_set(struct http_deadlines *d, struct http_due *u, enum http_wait what);

/* Shut all that wait for this, as if their time had come. */
void http_deadlines_cut(struct http_deadlines *d, enum http_wait what);

#endif
