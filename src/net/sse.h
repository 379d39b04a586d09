#ifndef NET_SSE_H
#define NET_SSE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Server-sent events as they come in (WHATWG HTML, section 9.2.6), however the bytes are cut.
 *
 * Lines end in LF, CR or CRLF; a BOM, comments and unknown fields are passed over; several data:
 * lines of one event are joined by a newline; an event without data is none.  What is longer than
 * `max` bytes is refused: a stream that never ends its line must not fill the memory. */

struct sse {
	/* name: "" when none was given.  data ends with a NUL.  Both live until it returns. */
	void (*event)(void *self, const char *name, const char *data, size_t n);
	void *self;
	size_t max;
	/* Its own. */
	struct buf line, data, name;
	bool begun, after_cr, any;
};

void sse_init(struct sse *s, size_t max,
    void (*event)(void *self, const char *name, const char *data, size_t n), void *self);
void sse_done(struct sse *s);
/* -1: ERR_LIMIT. */
int sse_feed(struct sse *s, const char *bytes, size_t n, struct err *e);
/* The end of the stream: true when it came in the middle of an event; that one is delivered too,
 * since servers forget the last blank line. */
bool sse_end(struct sse *s);

#endif
