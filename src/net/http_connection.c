#include "net/http_parts.h"

#include "base/log.h"
#include "base/mem.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* What the library calls: a connection begins, a request line, the head, the body, the end.
 *
 * The library calls http_on_request() once when the head is there, once for each piece of the
 * body, and once when the request is whole; then the connection is suspended, and when it is
 * resumed, once more to fetch the answer.  An answer may be queued in the first of these calls and
 * in the last; in between only the socket itself is left to say anything. */

#define HEAD_ROOM   1024 /* of the pool, for the head of the answer */
#define ROOM_TO_END 2    /* per cent of all fibers that are left to what runs already */

static struct connection *connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	if (!i || !i->socket_context)
		bug("a connection that was never announced");
	return i->socket_context;
}

static void wait_for(struct connection *c, enum http_wait what)
{
	http_due_set(&c->server->deadlines, &c->due, what);
}

/* The library would take the query to pieces now, one node in the connection's memory for each
 * parameter, and if there is no room for them all, forget what it was doing: such a request is
 * neither answered nor closed.  The text is the library's to write in, and nobody reads its
 * pieces, so the query ends here. */
static void hide_query(const char *target)
{
	char *mark = target ? strchr(target, '?') : NULL;

	if (mark && mark[1])
		mark[1] = '\0';
}

void *http_on_request_line(void *arg, const char *target, struct MHD_Connection *c)
{
	struct request *r = mem_new(struct request);

	(void)arg;
	r->conn = connection_of(c);
	r->conn->request = r;
	r->mhd = c;
	r->mem = arena_new();
	r->head.line_target = target;
	r->head.target = arena_strdup(r->mem, target ? target : "");
	hide_query(target);
	list_init(&r->in_suspended);
	list_init(&r->in_streams);
	wait_for(r->conn, WAIT_HEADER);
	return r;
}

static enum MHD_Result queue(struct request *r, struct MHD_Response *response, int status)
{
	enum MHD_Result queued;

	wait_for(r->conn, WAIT_SEND);
	queued = MHD_queue_response(r->mhd, (unsigned)status, response);
	MHD_destroy_response(response);
	if (queued != MHD_YES)
		log_error("an answer with status %d could not be queued", status);
	return queued;
}

static void close_after(struct MHD_Response *response)
{
	MHD_add_response_header(response, "Connection", "close");
}

/* Refuse before the body is read; what follows on the connection is not trusted to be a request. */
static enum MHD_Result refuse(struct request *r, int status, const char *code, const char *message)
{
	struct MHD_Response *response =
	    http_refusal(r->conn->server, r->mem, status, code, message);

	close_after(response);
	return queue(r, response, status);
}

void http_refuse_by_hand(
    struct connection *c, struct arena *mem, int status, const char *code, const char *message)
{
	const char *body = c->server->o.refuse(mem, status, code, message);
	const char *text = arena_printf(mem,
	    "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    status, MHD_get_reason_phrase_for((unsigned)status), strlen(body), body);

	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("a refusal (%d) did not reach its client", status);
	shutdown(c->fd, SHUT_WR);
}

static const char *too_large(struct request *r)
{
	return arena_printf(r->mem, "the body is larger than %zu bytes; send less at a time",
	    r->conn->server->o.body_max);
}

static enum MHD_Result begin(struct request *r, const char *method, const char *version)
{
	struct err e = { 0 };

	r->begun = true;
	r->head.method = method;
	r->head.version = version;
	r->unframed = !strcmp(version, "HTTP/1.0");
	wait_for(r->conn, WAIT_BODY);
	if (http_framing_check(r->mhd, &r->head, &r->framing, &e) < 0)
		return refuse(r, 400, "bad_request", e.msg);
	if (r->framing.head_bytes > HTTP_POOL - HEAD_ROOM) {
		http_refuse_by_hand(r->conn, r->mem, 431, "headers_too_large", HTTP_HEAD_TOO_LARGE);
		return MHD_NO;
	}
	if (r->framing.length > r->conn->server->o.body_max)
		return refuse(r, 413, "too_large", too_large(r));
	if (!fiber_room(ROOM_TO_END))
		return refuse(r, 503, "unavailable", "too much is going on; try again in a moment");
	return MHD_YES;
}

static enum MHD_Result take(struct request *r, const char *bytes, size_t *n)
{
	if (r->body.len + *n > r->conn->server->o.body_max) {
		http_refuse_by_hand(r->conn, r->mem, 413, "too_large", too_large(r));
		return MHD_NO;
	}
	buf_add(&r->body, bytes, *n);
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result fetch(struct request *r)
{
	struct MHD_Response *response = r->response;

	r->response = NULL;
	/* The library takes chunks that another reader would end elsewhere (bare LF, extensions).
	 * With nothing read behind them, the difference buys nobody anything. */
	if (r->conn->server->stopping || r->framing.chunked)
		close_after(response);
	return queue(r, response, r->status);
}

enum MHD_Result http_on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *bytes, size_t *n, void **context)
{
	struct http_server *s = arg;
	struct request *r = *context;

	(void)c;
	(void)url;
	if (!r->begun)
		return begin(r, method, version);
	if (*n)
		return take(r, bytes, n);
	if (r->conn->gone)
		return MHD_NO;
	if (r->response)
		return fetch(r);
	if (s->closed)
		return MHD_NO;
	if (r->handled)
		bug("a request was resumed with nothing to send");
	r->handled = true;
	wait_for(r->conn, WAIT_NOTHING);
	http_handle(r, method);
	return MHD_YES;
}

void http_on_completed(
    void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why)
{
	struct http_server *s = arg;
	struct request *r = *context;

	(void)c;
	(void)why;
	*context = NULL;
	if (!r)
		return;
	if (r->handling) {
		http_request_forsake(r);
		r->handling->request = NULL;
	}
	if (r->streaming)
		s->nstreams--;
	list_out(&r->in_streams);
	list_out(&r->in_suspended);
	if (r->response)
		MHD_destroy_response(r->response);
	r->conn->request = NULL;
	wait_for(r->conn, WAIT_IDLE);
	if (r->conn->gone)
		shutdown(r->conn->fd, SHUT_RDWR);
	if (s->stopping)
		http_deadlines_cut(&s->deadlines, WAIT_IDLE);
	buf_done(&r->body);
	buf_done(&r->queue);
	arena_free(r->mem);
	free(r);
}

static bool is_loopback(const struct sockaddr *a)
{
	static const unsigned char mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };

	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)a;

		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	if (a->sa_family == AF_INET6) {
		const struct in6_addr *in =
		    &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(in) || !memcmp(in, mapped, sizeof(mapped));
	}
	return false;
}

static struct connection *connection_new(struct http_server *s, struct MHD_Connection *m)
{
	struct connection *c = mem_new(struct connection);
	struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLET, .data.ptr = c };

	c->server = s;
	c->fd = MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->loopback = is_loopback(
	    MHD_get_connection_info(m, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	http_due_init(&c->due, c->fd);
	wait_for(c, WAIT_HEADER);
	if (epoll_ctl(s->hangup_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		log_warn("a connection's hang-up will not be noticed: epoll_ctl: %m");
	s->nconnections++;
	s->accepted++;
	return c;
}

void http_on_connection(
    void *arg, struct MHD_Connection *m, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = arg;
	struct connection *c = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = connection_new(s, m);
		return;
	}
	*context = NULL;
	list_out(&c->due.link);
	epoll_ctl(s->hangup_fd, EPOLL_CTL_DEL, c->fd, NULL);
	free(c);
	s->nconnections--;
	signal_wake_all(&s->changed);
}

/* A request that is not whole yet ends here and now: the library takes a short read for the last
 * one of its edge, and when the end of the connection came with that same edge it waits for one
 * more. One whose answer is on its way is left to that, and closed after it.
 *
 * No connection is freed in here, so the batch of events stays good: cancelling makes fibers ready
 * and resuming marks, and both are carried out later. */
void http_on_hangup(struct http_server *s)
{
	struct epoll_event events[64];
	int n;

	while ((n = epoll_wait(s->hangup_fd, events, (int)array_len(events), 0)) > 0)
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->gone) /* shutting down makes an event, too */
				continue;
			c->gone = true;
			if (!c->request || !c->request->handled) {
				shutdown(c->fd, SHUT_RDWR);
				continue;
			}
			http_request_forsake(c->request);
			http_request_resume(c->request);
		}
}
