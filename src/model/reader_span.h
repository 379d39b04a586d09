#ifndef MODEL_READER_SPAN_H
#define MODEL_READER_SPAN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JSON where it lies: values as spans of the bytes they came in.
 *
 * Why not jansson's tree: what goes back to a provider must be the bytes it sent, a number of any
 * size must pass, and a stream is thousands of small documents of which two members matter.  A
 * document is checked once (span_check); everything else then takes it for granted.  A span with
 * n == 0 is "nothing there", and every question may be asked of it.
 *
 * Bytes in strings that are no UTF-8, lone surrogates and NUL are read as U+FFFD. */

struct span {
	const char *s;
	size_t n;
};

enum span_state {
	SPAN_WHOLE,
	SPAN_CUT, /* JSON so far: it ends too early */
	SPAN_BAD
};

/* Is this one JSON value, at most JSON_DEPTH_MAX deep?  *out is it, without the space around. */
enum span_state span_check(const char *s, size_t n, struct span *out);

/* '{', '[', '"', '0' for a number, 't', 'f', 'n'; 0 when there is nothing. */
char span_kind(struct span v);
bool span_given(struct span v); /* there, and not null */

/* The members of these names, out[i] for names[i]; the last of two equal ones wins. */
void span_members(struct span object, const char *const *names, struct span *out, int n);
struct span span_member(struct span object, const char *name);
/* The next item of an array, or the next member of an object (key NULL: only its value).
 * *at starts at 0. */
bool span_next(struct span list, size_t *at, struct span *key, struct span *value);

bool span_is(struct span string, const char *text);
void span_text(struct buf *out, struct span string); /* decoded; adds nothing unless a string */
void span_bytes(struct buf *out, const char *s, size_t n); /* as they are, but valid UTF-8 */
char *span_dup(struct span string);                        /* NULL unless a string; free() it */
int64_t span_int(struct span number, int64_t fallback);

#endif
