/* Small helpers shared by the mock and the load generator. */
#ifndef PEERS_UTIL_H
#define PEERS_UTIL_H
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
