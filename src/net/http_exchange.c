#include "net/http_parts.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* From a whole request to its answer: the handler's fiber, and what it may do to the outside.
 *
 * The handler never touches the connection: it leaves a response in the request, or bytes in its
 * queue, and resumes it; the library fetches both in the loop's next turn. */

#define QUEUE_MAX    (256 * 1024) /* whoever pushes on top of so much has a reader that is lost */
#define QUEUE_LOW    (64 * 1024)  /* most of it has left */
#define STREAM_BLOCK 512          /* what the library allocates for a streaming response */

/* How many bytes of the queue may have been sent before the rest moves down. */
#define QUEUE_SLACK 4096

static struct handling *handling_of(const struct http_exchange *x)
{
	return container_of(x, struct handling, x);
}

static void suspend(struct request *r)
{
	r->suspended = true;
	list_append(&r->conn->server->suspended, &r->in_suspended);
	MHD_suspend_connection(r->mhd);
}

void http_request_resume(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	list_out(&r->in_suspended);
	MHD_resume_connection(r->mhd);
	http_kick(r->conn->server); /* nothing else would wake the library */
}

void http_request_forsake(struct request *r)
{
	struct handling *h = r->handling;

	if (h && h->running)
		scope_cancel(&h->scope);
}

static void header_add(struct MHD_Response *response, const char *name, const char *value)
{
	if (MHD_add_response_header(response, name, value) != MHD_YES)
		log_error(
		    "an answer's header %s was left out: it is empty or holds a line break", name);
}

static struct MHD_Response *response_new(const char *body, size_t n)
{
	void *copy = mem_alloc(n + 1);
	struct MHD_Response *response;

	memcpy(copy, body, n);
	response = MHD_create_response_from_buffer(n, copy, MHD_RESPMEM_MUST_FREE);
	if (!response)
		bug("no response of %zu bytes could be made", n);
	return response;
}

struct MHD_Response *http_refusal(
    struct http_server *s, struct arena *mem, int status, const char *code, const char *message)
{
	const char *body = s->o.refuse(mem, status, code, message);
	struct MHD_Response *response = response_new(body, strlen(body));

	header_add(response, "Content-Type", "application/json");
	return response;
}

static void leave(struct request *r, int status, struct MHD_Response *response)
{
	r->status = status;
	r->response = response;
	http_request_resume(r);
}

static void answer(struct http_exchange *x, int status, const struct http_header *headers,
    size_t nheaders, const char *body, size_t body_len)
{
	struct request *r = handling_of(x)->request;
	struct MHD_Response *response;

	if (!r)
		return;
	response = response_new(body, body_len);
	for (size_t i = 0; i < nheaders; i++)
		header_add(response, headers[i].name, headers[i].value);
	leave(r, status, response);
}

/* When a reader function ends a stream by END_WITH_ERROR, or any stream without chunks, the library
 * marks the connection as closed and does not look at it again: its descriptor stays open until
 * chance brings it by.  So an error is a socket shut down and then the regular end; and in a stream
 * without chunks the connection gets a timeout of its own, because all that have one are looked at
 * in each run. */
static ssize_t stream_end(struct request *r)
{
	if (r->unframed) {
		MHD_set_connection_option(r->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 1u);
		http_kick(r->conn->server);
	}
	return MHD_CONTENT_READER_END_OF_STREAM;
}

static ssize_t stream_read(void *arg, uint64_t pos, char *out, size_t room)
{
	struct request *r = arg;
	struct http_deadlines *deadlines = &r->conn->server->deadlines;
	size_t n = r->queue.len - r->taken;

	(void)pos;
	if (r->conn->gone) {
		shutdown(r->conn->fd, SHUT_RDWR);
		return stream_end(r);
	}
	if (!n) {
		buf_done(&r->queue);
		r->taken = 0;
		if (r->ended)
			return stream_end(r);
		http_due_set(deadlines, &r->conn->due, WAIT_NOTHING);
		suspend(r);
		return 0;
	}
	if (n > room)
		n = room;
	memcpy(out, r->queue.data + r->taken, n);
	r->taken += n;
	if (r->handling && r->queue.len - r->taken <= QUEUE_LOW)
		signal_wake_all(&r->handling->drained);
	http_due_set(deadlines, &r->conn->due, WAIT_SEND);
	return (ssize_t)n;
}

static bool may_stream(const struct http_exchange *x)
{
	const struct http_server *s = handling_of(x)->server;

	return !s->stopping && s->nstreams < s->o.streams_max;
}

static void stream(
    struct http_exchange *x, int status, const struct http_header *headers, size_t nheaders)
{
	struct handling *h = handling_of(x);
	struct http_server *s = h->server;
	struct request *r = h->request;
	struct MHD_Response *response;

	if (!r)
		return;
	if (!may_stream(x)) {
		leave(r, 503,
		    http_refusal(s, x->mem, 503, "unavailable",
			s->stopping ? "the server is stopping; connect again in a moment"
				    : "too many live streams are open; try again later"));
		x->streaming = false;
		http_request_forsake(r); /* nobody will hear what it would push */
		return;
	}
	response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, r, NULL);
	if (!response)
		bug("no streaming response could be made");
	for (size_t i = 0; i < nheaders; i++)
		header_add(response, headers[i].name, headers[i].value);
	r->streaming = true;
	list_append(&s->streams, &r->in_streams);
	s->nstreams++;
	leave(r, status, response);
}

/* The reader takes less than it is given: no memory of ours is spent on it any longer. */
static int cut_off(struct request *r, struct err *e)
{
	r->conn->gone = true;
	r->ended = true;
	buf_done(&r->queue);
	r->taken = 0;
	shutdown(r->conn->fd, SHUT_RDWR);
	http_request_resume(r);
	return err_set(e, ERR_LIMIT,
	    "the reader of this stream was cut off: it is more than %d KiB behind",
	    QUEUE_MAX / 1024);
}

static int push(struct http_exchange *x, const char *bytes, size_t n, struct err *e)
{
	struct request *r = handling_of(x)->request;

	if (!r || r->conn->gone)
		return err_set(e, ERR_CANCELED, "the client has hung up");
	if (!x->streaming)
		return err_set(e, ERR_LIMIT, "no stream was opened: it was answered %d", r->status);
	if (r->ended)
		return err_set(e, ERR_CANCELED, "the server is stopping");
	if (r->queue.len - r->taken > QUEUE_MAX)
		return cut_off(r, e);
	if (r->taken >= QUEUE_SLACK && r->taken >= r->queue.len / 2) {
		memmove(r->queue.data, r->queue.data + r->taken, r->queue.len - r->taken);
		r->queue.len -= r->taken;
		r->taken = 0;
	}
	buf_add(&r->queue, bytes, n);
	http_request_resume(r);
	return 0;
}

/* Whoever goes in any way cancels the handler's scope, and this with it. */
static int drain(struct http_exchange *x, struct err *e)
{
	struct handling *h = handling_of(x);

	while (h->request && h->request->queue.len - h->request->taken > QUEUE_LOW)
		if (signal_wait(&h->drained, FOREVER, e) < 0)
			return -1;
	return fiber_check(e);
}

void http_request_end_stream(struct request *r)
{
	r->ended = true;
	http_request_resume(r);
}

static const struct http_exchange_class on_sockets = { answer, stream, push, drain, may_stream };

static void call(void *arg)
{
	struct handling *h = arg;

	h->server->o.handle(h->server->o.self, &h->x);
}

/* A handler that returns without an answer has a mistake, unless its waiting was cancelled
 * because the server stops. */
static void answer_for(struct handling *h)
{
	struct http_server *s = h->server;
	struct http_exchange *x = &h->x;

	x->answered = true;
	if (s->stopping) {
		leave(h->request, 503,
		    http_refusal(s, x->mem, 503, "unavailable",
			"the server is stopping; try again in a moment"));
		return;
	}
	log_error("%s %s was left unanswered by its handler", x->method, x->path);
	leave(h->request, 500,
	    http_refusal(s, x->mem, 500, "internal",
		"the server failed to answer; this is a "
		"mistake in the server, and it was logged"));
}

static void handling_run(void *arg)
{
	struct handling *h = arg;
	struct http_server *s = h->server;

	if (h->request) {
		scope_open(&h->scope, FOREVER);
		h->running = true;
		scope_run(&h->scope, call, h);
		scope_join(&h->scope);
		h->running = false;
	}
	if (h->request) {
		if (!h->x.answered)
			answer_for(h);
		else if (h->x.streaming)
			http_request_end_stream(h->request);
		h->request->handling = NULL;
	}
	s->nhandlers--;
	arena_free(h->x.mem); /* h lies in it */
}

void http_handle(struct request *r, const char *method)
{
	struct http_server *s = r->conn->server;
	struct arena *mem = r->mem;
	struct handling *h = arena_new_of(mem, struct handling);
	struct http_exchange *x = &h->x;

	x->mem = mem;
	x->method = arena_strdup(mem, method);
	http_target_split(mem, r->head.target, &x->path, &x->query);
	x->headers = http_framing_headers(mem, r->mhd, r->framing.nheaders);
	x->nheaders = r->framing.nheaders;
	x->body = "";
	if (r->body.len) {
		x->body = r->body.data;
		x->body_len = r->body.len;
		arena_defer(mem, free, r->body.data);
		r->body = (struct buf){ 0 };
	}
	x->loopback = r->conn->loopback;
	x->class = &on_sockets;
	h->server = s;
	h->request = r;
	signal_init(&h->drained);
	r->mem = NULL;
	r->handling = h;
	s->nhandlers++;
	s->begun++;
	suspend(r);
	scope_go(&s->handlers, handling_run, h);
}
