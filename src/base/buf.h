#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <string.h>

/* Bytes that grow at the end, for text that is put together piece by piece.
 *
 * The caller owns the struct and frees it with buf_done(); `= { 0 }` is an empty
 * one.  `data` always has a NUL behind `len` once something was added, and moves
 * when the buffer grows: keep offsets, not pointers. */

struct buf {
	char *data;
	size_t len, cap;
};

/* Room for n bytes more and the NUL: who knows how much will come asks once. */
void buf_room(struct buf *b, size_t n);

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	if (b->cap - b->len <= n)
		buf_room(b, n);
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static inline void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b); /* empty, keeps the memory */
void buf_done(struct buf *b);
const char *buf_str(const struct buf *b); /* "" when nothing was added */

#endif
