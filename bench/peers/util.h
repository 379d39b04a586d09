#ifndef PEERS_UTIL_H
#define PEERS_UTIL_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What mockllm, loadgen and floor share: a clock, a buffer, sockets of this machine.
 *
 * They measure and are measured against, so each is one thread with one epoll loop and nothing of
 * src/ is in them.  Whatever cannot go on ends the program. */

static inline uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* Growable byte buffer; always has room for a trailing NUL. */
struct buf {
	char *p;
	size_t len, cap;
};

static inline void buf_reserve(struct buf *b, size_t extra)
{
	if (b->len + extra + 1 <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : 1024;
	while (cap < b->len + extra + 1)
		cap *= 2;
	char *p = realloc(b->p, cap);
	if (!p) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	b->p = p;
	b->cap = cap;
}

static inline void buf_add(struct buf *b, const void *data, size_t n)
{
	buf_reserve(b, n);
	memcpy(b->p + b->len, data, n);
	b->len += n;
	b->p[b->len] = 0;
}

static inline void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	buf_reserve(b, 512);
	va_start(ap, fmt);
	int n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if ((size_t)n + 1 > b->cap - b->len) {
		buf_reserve(b, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

static inline void buf_free(struct buf *b)
{
	free(b->p);
	memset(b, 0, sizeof *b);
}

static inline _Noreturn void die_of(const char *what)
{
	perror(what);
	exit(1);
}

static inline struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* shared: several processes may listen on the port, and the kernel deals out the connections. */
static inline int listen_on(int port, bool shared)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = here(port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	if (bind(fd, (void *)&a, sizeof a) || listen(fd, 4096))
		die_of("listening");
	return fd;
}

/* -1: nobody is waiting. */
static inline int accept_from(int listener)
{
	int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/* It is connected when it can be written to. */
static inline int connect_to(int port)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = here(port);
	if (fd < 0)
		die_of("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (void *)&a, sizeof a) && errno != EINPROGRESS)
		die_of("connecting");
	return fd;
}

/* All that has come; false: the other side has closed.  Who gets less than there is room for has
 * all of it, and needs no second call to hear so. */
static inline bool take(int fd, struct buf *in)
{
	for (;;) {
		buf_reserve(in, 8192);
		size_t room = in->cap - in->len - 1;
		ssize_t n = recv(fd, in->p + in->len, room, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		in->len += (size_t)n;
		in->p[in->len] = 0;
		if ((size_t)n < room)
			return true;
	}
}

/* As much of it from *at on as goes now; false: the other side has gone. */
static inline bool give(int fd, const struct buf *out, size_t *at)
{
	while (*at < out->len) {
		ssize_t n = send(fd, out->p + *at, out->len - *at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		*at += (size_t)n;
	}
	return true;
}

/* Finds a header value in [h, h+n); returns its start or NULL. Name in lower case. */
static inline const char *header_value(const char *h, size_t n, const char *name)
{
	size_t nl = strlen(name);
	const char *end = h + n;
	for (const char *p = memchr(h, '\n', n); p && p + 1 < end;
	     p = memchr(p, '\n', (size_t)(end - p))) {
		p++;
		if ((size_t)(end - p) > nl && p[nl] == ':' && !strncasecmp(p, name, nl)) {
			p += nl + 1;
			while (p < end && *p == ' ')
				p++;
			return p;
		}
	}
	return NULL;
}
#endif
