#include "net/http_server.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/http_parts.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The library on the world's loop, from opening to closing.
 *
 * libmicrohttpd polls an epoll set of its own; the loop polls that set, and MHD_run() does what is
 * to do.  Nothing else drives it: MHD_resume_connection() wakes nobody, and the set is edge
 * triggered, so work the library keeps for later (MHD_get_timeout() is 0) is announced once and
 * never again.  So whoever resumes a connection kicks, and while there is a kick the loop does not
 * sleep.
 *
 * It runs at two points of a turn, each just ahead of the world's fibers: right after the loop has
 * waited, where requests come in and their handlers start, and before it waits, where the answers
 * leave that were made meanwhile.  libuv calls the handles of a kind in the reverse order of their
 * starting, so ours, started in the running world, come before the world's; were it otherwise,
 * only an empty turn of the loop would be lost, see run_before(). */

#define BACKLOG         4096
#define BODY_MAX        (1024 * 1024)
#define LAST_ANSWERS_MS 250 /* for what cancelled handlers still say */

static void stay_awake(uv_idle_t *h)
{
	(void)h;
}

void http_kick(struct http_server *s)
{
	s->kicked = true;
	uv_idle_start(&s->idle, stay_awake);
}

static void on_again(uv_timer_t *t)
{
	http_kick(t->data);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	http_kick(p->data);
}

static void on_hangups(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	http_on_hangup(p->data);
}

static void run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (!s->kicked)
		return;
	s->kicked = false;
	uv_idle_stop(&s->idle);
	if (MHD_run(s->daemon) != MHD_YES)
		log_warn("the HTTP library could not look at its connections");
	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
		uv_timer_stop(&s->again);
	else if (ms == 0)
		http_kick(s);
	else
		uv_timer_start(&s->again, on_again, ms, 0);
}

/* After the wait: handlers started here are run by the world right behind us. */
static void run_after(uv_check_t *h)
{
	run(h->data);
}

/* Before the wait: should the world's fibers have had their go already, a handler started here must
 * not find the loop asleep. */
static void run_before(uv_prepare_t *h)
{
	struct http_server *s = h->data;
	unsigned long begun = s->begun;

	run(s);
	if (s->begun != begun)
		http_kick(s);
}

static int listen_failed(int fd, const struct http_server_options *o, struct err *e)
{
	int why = errno;

	if (fd >= 0)
		close(fd);
	if (why == EADDRINUSE)
		return err_set(e, ERR_IO,
		    "listening on %s port %d: another program has it; stop that one or choose "
		    "another port",
		    o->host, o->port);
	if (why == EACCES)
		return err_set(e, ERR_IO,
		    "listening on %s port %d: not permitted; choose a port of 1024 or above",
		    o->host, o->port);
	return err_set(e, ERR_IO, "listening on %s port %d: %s", o->host, o->port, strerror(why));
}

static int listen_on(const struct http_server_options *o, struct err *e)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *a;
	char port[16];
	int fd, on = 1;

	if (o->port < 0 || o->port > 65535)
		return err_set(e, ERR_INVALID, "port %d: a port is 0 to 65535", o->port);
	snprintf(port, sizeof(port), "%d", o->port);
	if (getaddrinfo(o->host, port, &hints, &a))
		return err_set(e, ERR_INVALID,
		    "host \"%s\": not an IP address to listen on, such as 127.0.0.1 or ::1",
		    o->host);
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		fd = listen_failed(fd, o, e);
	freeaddrinfo(a);
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	char port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0 ||
	    getnameinfo((struct sockaddr *)&a, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV))
		bug("a listening socket without a port");
	return atoi(port);
}

static int descriptors(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < 1000000)
		return (int)limit.rlim_cur;
	return 1024;
}

int http_server_streams(void)
{
	return descriptors() * 3 / 5;
}

/* Streams may take three fifths of the descriptors, other requests a tenth. */
static void share_descriptors(struct http_server *s, unsigned *connections)
{
	int files = descriptors();

	if (s->o.streams_max <= 0)
		s->o.streams_max = http_server_streams();
	*connections = (unsigned)(s->o.streams_max + files / 10);
}

static int daemon_start(struct http_server *s, int listener, struct err *e)
{
	unsigned connections;

	share_descriptors(s, &connections);
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
	    0, NULL, NULL, http_on_request, s, MHD_OPTION_EXTERNAL_LOGGER, http_on_noise, s,
	    MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_URI_LOG_CALLBACK, http_on_request_line,
	    s, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
	    http_on_connection, s, MHD_OPTION_CONNECTION_LIMIT, connections,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL, MHD_OPTION_END);
	if (!s->daemon)
		return err_set(e, ERR_IO, "the HTTP library did not start: %s", strerror(errno));
	return 0;
}

static void handles_start(struct http_server *s)
{
	int fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	s->readable.data = s->hangups.data = s->before.data = s->after.data = s->idle.data =
	    s->again.data = s;
	uv_poll_init(s->loop, &s->readable, fd);
	uv_poll_start(&s->readable, UV_READABLE, on_readable);
	uv_poll_init(s->loop, &s->hangups, s->hangup_fd);
	uv_poll_start(&s->hangups, UV_READABLE, on_hangups);
	uv_check_init(s->loop, &s->after);
	uv_check_start(&s->after, run_after);
	uv_prepare_init(s->loop, &s->before);
	uv_prepare_start(&s->before, run_before);
	uv_idle_init(s->loop, &s->idle);
	uv_timer_init(s->loop, &s->again);
	http_deadlines_init(&s->deadlines, s->loop);
}

struct http_server *http_server_open(const struct http_server_options *o, struct err *e)
{
	struct http_server *s;
	int listener;

	if (!o->handle || !o->refuse)
		bug("an HTTP server without handle or refuse");
	listener = listen_on(o, e);
	if (listener < 0)
		return NULL;
	s = mem_new(struct http_server);
	s->o = *o;
	if (!s->o.body_max)
		s->o.body_max = BODY_MAX;
	s->loop = world_loop(o->world);
	if (!s->loop)
		bug("an HTTP server in a simulation");
	s->port = port_of(listener);
	s->hangup_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->hangup_fd < 0 || daemon_start(s, listener, e) < 0) {
		if (s->hangup_fd < 0)
			err_set(e, ERR_IO, "making an epoll set: %s", strerror(errno));
		else
			close(s->hangup_fd);
		close(listener);
		free(s);
		return NULL;
	}
	list_init(&s->suspended);
	list_init(&s->streams);
	signal_init(&s->changed);
	scope_open_root(&s->handlers);
	handles_start(s);
	http_kick(s);
	return s;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

static void stop_listening(struct http_server *s)
{
	int fd = MHD_quiesce_daemon(s->daemon);

	if (fd >= 0)
		close(fd);
}

/* Connections that have asked for nothing: kept ones, and new ones before their request line. */
static void drop_idle(struct http_server *s)
{
	struct link *queue = &s->deadlines.queues[WAIT_HEADER];

	http_deadlines_cut(&s->deadlines, WAIT_IDLE);
	for (struct link *l = queue->next; l != queue; l = l->next) {
		struct connection *c = container_of(l, struct connection, due.link);

		if (!c->request)
			shutdown(c->fd, SHUT_RDWR);
	}
}

/* The last byte of each stream is its end; whoever feeds one is told to go. */
static void end_streams(struct http_server *s)
{
	for (struct link *l = s->streams.next; l != &s->streams; l = l->next) {
		struct request *r = container_of(l, struct request, in_streams);

		http_request_forsake(r);
		http_request_end_stream(r);
	}
}

static void wait_for_connections(struct http_server *s, int64_t deadline)
{
	struct err e;

	while (s->nconnections > 0)
		if (signal_wait(&s->changed, deadline, &e) < 0)
			return;
}

/* MHD_stop_daemon() aborts the process when a connection is suspended: what still is, is declared
 * gone, resumed, and dropped in one last run. */
static void drop_connections(struct http_server *s)
{
	while (!list_empty(&s->suspended)) {
		struct request *r = container_of(s->suspended.next, struct request, in_suspended);

		r->conn->gone = true;
		http_request_resume(r);
	}
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
}

static void on_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;

	s->nhandles--;
	signal_wake_all(&s->changed);
}

static void close_handles(struct http_server *s)
{
	uv_handle_t *const all[] = {
		(uv_handle_t *)&s->readable,
		(uv_handle_t *)&s->hangups,
		(uv_handle_t *)&s->before,
		(uv_handle_t *)&s->after,
		(uv_handle_t *)&s->idle,
		(uv_handle_t *)&s->again,
		(uv_handle_t *)&s->deadlines.timer,
	};
	struct err e;

	s->nhandles = array_len(all);
	for (size_t i = 0; i < array_len(all); i++) {
		all[i]->data = s;
		uv_close(all[i], on_closed);
	}
	while (s->nhandles > 0)
		if (signal_wait(&s->changed, FOREVER, &e) < 0)
			bug("closing the HTTP server was cut short: %s", e.msg);
}

struct closing {
	struct http_server *server;
	int64_t deadline;
};

static void close_all(void *arg)
{
	struct closing *c = arg;
	struct http_server *s = c->server;

	s->stopping = true;
	stop_listening(s);
	drop_idle(s);
	end_streams(s);
	wait_for_connections(s, c->deadline);

	s->closed = true;
	scope_cancel(&s->handlers);
	scope_join(&s->handlers);
	wait_for_connections(s, fiber_now() + LAST_ANSWERS_MS);

	uv_poll_stop(&s->readable); /* its descriptor goes away with the library */
	drop_connections(s);
	close_handles(s);
	close(s->hangup_fd);
	free(s);
}

void http_server_close(struct http_server *s, int64_t deadline)
{
	struct closing c = { s, deadline };
	struct scope shield;

	scope_open_shielded(&shield, FOREVER);
	scope_run(&shield, close_all, &c);
	scope_join(&shield);
}
