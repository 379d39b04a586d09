#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JSON as jansson has it, with the care that strangers' bytes need.
 *
 * Trees are reference counted (json_incref, json_decref).  json_in() gives a tree
 * to an arena, which is what most code wants: it dies with the turn or the request.
 * Getters take a NULL object or a missing key for "nothing there" and give the
 * fallback; they never fail. */

#define JSON_DEPTH_MAX 64

/* Faster memory for trees, of the whole process: before the first of them is made.  What
 * jansson's json_dumps() returns is of it too, and not for free(): json_write() or json_text(). */
void json_memory(void);

/* Is the nesting of brackets outside of strings at most `max`?  One pass, no memory, any
 * bytes: jansson recurses, and a fiber's stack is 64 KiB. */
bool json_depth_ok(const char *s, size_t n, int max);

/* RFC 8259 from a stranger: valid UTF-8, \u0000 allowed, the last of two equal keys wins,
 * depth at most JSON_DEPTH_MAX.  NULL with ERR_INVALID and "line L column C: ..." otherwise. */
json_t *json_read(const char *s, size_t n, struct err *e);

/* The same, owned by the arena. */
json_t *json_read_in(struct arena *mem, const char *s, size_t n, struct err *e);

/* What we wrote ourselves, back from the log: a failure is ours. */
json_t *json_read_own(struct arena *mem, const char *s);

json_t *json_in(struct arena *mem, json_t *j); /* the arena owns this reference now; returns j */

/* Compact text in the arena, "" for NULL; keys as they were put in.  canonical: keys sorted, so
 * that equal values give equal bytes (keys and fingerprints of tool calls). */
char *json_text(struct arena *mem, const json_t *j);
char *json_canonical(struct arena *mem, const json_t *j);
size_t json_size(const json_t *j); /* bytes of its compact text */
/* The same behind what out holds already; and UTF-8 as it stands between a string's quotes. */
void json_write(struct buf *out, const json_t *j);
void json_write_chars(struct buf *out, const char *s, size_t n);
/* How many bytes from s on stand for themselves in a string: no quote, backslash or control. */
size_t json_plain(const char *s, size_t n);
/* For what is written often and needs no tree.  json_write_key() opens a member, with its comma;
 * the name is one of ours, that needs no escape. */
void json_write_str(struct buf *out, const char *s);
void json_write_int(struct buf *out, int64_t v);
void json_write_key(struct buf *out, const char *name);

const char *json_str(const json_t *object, const char *key); /* NULL unless a string */
const char *json_str_or(const json_t *object, const char *key, const char *fallback);
int64_t json_int(const json_t *object, const char *key, int64_t fallback);
double json_num(const json_t *object, const char *key, double fallback);
bool json_flag(const json_t *object, const char *key); /* true and only true */

/* Set unless the value is NULL: optional members read as one line. */
void json_put_str(json_t *object, const char *key, const char *value);

#endif
