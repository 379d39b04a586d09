#ifndef NET_HTTP_FRAMING_H
#define NET_HTTP_FRAMING_H

#include "base/arena.h"
#include "net/http.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this head of a request one that no two readers can take differently?
 *
 * libmicrohttpd 0.9.75 is lenient: two lengths, a length beside a chunked body, folded lines, bare
 * LF, NUL in a value, a space before the colon are all taken, some of them for something that the
 * proxy in front takes differently, and that difference is how a request is smuggled.  So before
 * any of the body is read the head is checked again, by position: the library parses in place and
 * puts NULs where separators were, and in a head of the one canonical form each next header begins
 * exactly where the one before it ended.  Whatever was folded, cut short by a NUL or ended by a
 * bare LF breaks the row.
 *
 * Errors are for the client: which header, what is wrong, what to do. */

struct http_head {
	const char *method, *version; /* where the library has them: in its buffer */
	const char *line_target;      /* the same; NULL: there was none */
	const char *target;           /* a copy, made before the library took it to pieces */
};

struct http_framing {
	bool chunked;
	uint64_t length;   /* of the body, when not chunked; UINT64_MAX: more than can be counted */
	size_t head_bytes; /* what the head takes of the connection's memory, about */
	size_t nheaders;
};

/* -1: ERR_INVALID. */
int http_framing_check(
    struct MHD_Connection *c, const struct http_head *head, struct http_framing *f, struct err *e);

/* The headers as routes see them, copied, white space around values gone. */
const struct http_header *http_framing_headers(
    struct arena *mem, struct MHD_Connection *c, size_t nheaders);

/* "/path?query" or "http://host/path?query" in two. */
void http_target_split(
    struct arena *mem, const char *target, const char **path, const char **query);

#endif
