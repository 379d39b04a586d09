#ifndef NET_HTTP_PARTS_H
#define NET_HTTP_PARTS_H

#include "base/buf.h"
#include "base/list.h"
#include "net/http_deadlines.h"
#include "net/http_framing.h"
#include "net/http_server.h"

#include <microhttpd.h>
#include <stdarg.h>

/* What the files of the server share; nobody else includes it but its own test, which looks at the
 * counts and shortens deadlines.
 *
 * A request has two sides with lives of their own.  The library's side, struct request, begins
 * with the request line and ends when the library says so, which may be at any time, since
 * clients leave.  The handler's side, struct handling, begins when the request is whole and ends
 * when its fiber does.  Each holds a pointer to the other that the first to go sets to NULL:
 *
 *     request ends first    the client is gone: the handler's scope is cancelled, what it still
 *                           answers goes nowhere
 *     handler ends first    the answer lies in the request, or its stream is at its end
 *
 * While the handler runs, the connection is suspended: the library looks away from it altogether,
 * and does not see it close.  So each socket is also in an epoll set of ours that reports hang-ups
 * only.  A client that has shut down its writing half counts as gone. */

struct connection {
	struct http_server *server;
	struct http_due due;
	struct request *request; /* the one being read or answered */
	int fd;
	bool gone;
	bool loopback;
};

struct request {
	struct connection *conn;
	struct MHD_Connection *mhd;
	struct arena *mem; /* the handler's, once there is one */
	struct handling *handling;
	struct http_head head;
	struct http_framing framing;
	struct buf body;
	bool begun, handled; /* the head was looked at; a handler was started */
	bool suspended;
	struct link in_suspended;

	struct MHD_Response *response; /* waits for the library to fetch it */
	int status;
	bool streaming, ended; /* ended: no more bytes will come */
	bool unframed;         /* HTTP/1.0: only closing ends a stream */
	struct link in_streams;
	struct buf queue; /* bytes of the stream; the first `taken` are on their way */
	size_t taken;
};

struct handling {
	struct http_exchange x;
	struct http_server *server;
	struct request *request; /* NULL: the client is gone */
	struct scope scope;
	bool running;          /* the scope is open */
	struct signal drained; /* most of the stream's queue has left */
};

struct http_server {
	struct http_server_options o;
	int port;
	struct MHD_Daemon *daemon;
	uv_loop_t *loop;

	/* The library is run when anything asked for it: its own epoll set, a resumed connection,
	 * its own wish to be called again. */
	bool kicked;
	uv_poll_t readable, hangups;
	uv_prepare_t before;
	uv_check_t after;
	uv_idle_t idle; /* active: the loop must not sleep */
	uv_timer_t again;
	int hangup_fd; /* the epoll set of hang-ups; -1: none yet */
	struct http_deadlines deadlines;

	struct scope handlers;
	struct link suspended, streams; /* requests */
	int nconnections, nstreams, nhandlers;
	unsigned long begun;   /* handlers, ever */
	int accepted;          /* connections, ever */
	bool stopping;         /* answer what runs, begin nothing that lasts */
	bool closed;           /* begin nothing */
	struct signal changed; /* a connection or a handle was closed */
	int nhandles;          /* open handles of the loop */

	int64_t noise_since; /* the library's own lines: so many in this second */
	int noise;
};

#define HTTP_POOL 8192 /* bytes of each connection: an idle stream takes this and little more */

#define HTTP_HEAD_TOO_LARGE "the address and headers together are too large; send less of them"

void http_kick(struct http_server *s);

/* http_exchange.c: one request after its head and body are there. */
void http_handle(struct request *r, const char *method);
void http_request_resume(struct request *r);
/* The client is gone, or is to be treated so: cancel the handler. */
void http_request_forsake(struct request *r);
void http_request_end_stream(struct request *r);
/* An error that no route made, in the contract's form, on the request's own connection. */
struct MHD_Response *http_refusal(
    struct http_server *s, struct arena *mem, int status, const char *code, const char *message);

/* http_connection.c: what the library and the hang-up set call. */
enum MHD_Result http_on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *bytes, size_t *n, void **context);
void *http_on_request_line(void *arg, const char *target, struct MHD_Connection *c);
void http_on_completed(
    void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why);
void http_on_connection(
    void *arg, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what);
void http_on_hangup(struct http_server *s);
/* Refuse where the library takes no answer: in the middle of a body, or when the head has left it
 * no memory to write one.  The connection is to be closed after it. */
void http_refuse_by_hand(
    struct connection *c, struct arena *mem, int status, const char *code, const char *message);

/* http_noise.c: what the library logs. */
void http_on_noise(void *arg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#endif
