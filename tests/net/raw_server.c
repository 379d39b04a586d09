#include "tests/net/raw_server.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 512

struct raw {
	const struct raw_answer *answers;
	int nanswers, port;
	pthread_t thread;
	atomic_int accepted, asked, gone;
	atomic_bool stop, drop;
	struct buf last, heard[MOST]; /* heard: by place in fds */
	struct pollfd fds[MOST];      /* the bell, the listener, connections */
	int nfds;
};

static size_t length_of(const struct buf *b)
{
	const char *end = memmem(b->data, b->len, "\r\n\r\n", 4);
	const char *length = end ? strcasestr(b->data, "\r\nContent-Length:") : NULL;

	if (!end)
		return 0;
	return (size_t)(end - b->data) + 4 +
	       (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void hang_up(struct raw *r, int i, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	if (reset)
		setsockopt(r->fds[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(r->fds[i].fd);
	r->fds[i].fd = -1; /* poll() passes over it */
	buf_done(&r->heard[i]);
}

static void answer(struct raw *r, int i)
{
	int which = atomic_fetch_add(&r->asked, 1);
	const struct raw_answer *a = &r->answers[which < r->nanswers ? which : r->nanswers - 1];
	size_t n = a->n || !a->bytes ? a->n : strlen(a->bytes), at = 0;

	while (at < n) {
		ssize_t sent = send(r->fds[i].fd, a->bytes + at, n - at, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		at += (size_t)sent;
	}
	if (a->then != RAW_KEEPS)
		hang_up(r, i, a->then == RAW_RESETS);
}

static void hear(struct raw *r, int i)
{
	char part[4096];
	ssize_t n = recv(r->fds[i].fd, part, sizeof(part), 0);
	struct buf *b = &r->heard[i];
	size_t length;

	if (n <= 0) {
		hang_up(r, i, false);
		atomic_fetch_add(&r->gone, 1);
		return;
	}
	buf_add(b, part, (size_t)n);
	length = length_of(b);
	if (!length || b->len < length)
		return;
	buf_clear(&r->last);
	buf_add(&r->last, b->data, b->len);
	buf_clear(b);
	answer(r, i);
}

static void *serve(void *arg)
{
	struct raw *r = arg;

	while (!atomic_load(&r->stop)) {
		poll(r->fds, (nfds_t)r->nfds, -1);
		if (r->fds[1].revents && r->nfds < MOST) {
			int fd = accept(r->fds[1].fd, NULL, NULL);

			r->fds[r->nfds++] = (struct pollfd){ .fd = fd, .events = POLLIN };
			atomic_fetch_add(&r->accepted, 1);
		}
		for (int i = 2; i < r->nfds; i++)
			if (r->fds[i].fd >= 0 && atomic_load(&r->drop))
				hang_up(r, i, false);
			else if (r->fds[i].fd >= 0 && r->fds[i].revents)
				hear(r, i);
		if (atomic_exchange(&r->drop, false)) {
			eventfd_t rung;

			eventfd_read(r->fds[0].fd, &rung);
		}
	}
	return NULL;
}

struct raw *raw_open(const struct raw_answer *answers, int n)
{
	struct raw *r = mem_new(struct raw);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		bug("a test's server does not listen");
	r->answers = answers;
	r->nanswers = n;
	r->port = ntohs(a.sin_port);
	r->fds[0] = (struct pollfd){ .fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN };
	r->fds[1] = (struct pollfd){ .fd = fd, .events = POLLIN };
	r->nfds = 2;
	pthread_create(&r->thread, NULL, serve, r);
	return r;
}

int raw_port(const struct raw *r)
{
	return r->port;
}

int raw_accepted(const struct raw *r)
{
	return atomic_load(&r->accepted);
}

int raw_asked(const struct raw *r)
{
	return atomic_load(&r->asked);
}

int raw_gone(const struct raw *r)
{
	return atomic_load(&r->gone);
}

const char *raw_last(struct raw *r)
{
	return buf_str(&r->last);
}

void raw_close_connections(struct raw *r)
{
	atomic_store(&r->drop, true);
	eventfd_write(r->fds[0].fd, 1);
	while (atomic_load(&r->drop))
		;
}

void raw_close(struct raw *r)
{
	atomic_store(&r->stop, true);
	eventfd_write(r->fds[0].fd, 1);
	pthread_join(r->thread, NULL);
	for (int i = 2; i < r->nfds; i++)
		if (r->fds[i].fd >= 0)
			hang_up(r, i, false);
	close(r->fds[0].fd);
	close(r->fds[1].fd);
	buf_done(&r->last);
	free(r);
}
