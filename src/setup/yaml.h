#ifndef SETUP_YAML_H
#define SETUP_YAML_H

#include "base/json.h"
#include "setup/mistakes.h"

#include <stdbool.h>
#include <stddef.h>

/* A YAML file as JSON that remembers where everything stood.
 *
 * The language is what JSON can say: one document of maps, lists, text, numbers, true, false and
 * null, with YAML 1.2's idea of which is which (`on`, `yes` and `no` are text).  Aliases,
 * anchors, tags, a second document, keys that are no text and keys that are there twice are
 * mistakes; so are bytes that are no UTF-8, NUL, and nesting or size beyond the limits.
 *
 * Places are asked for by JSON pointer.  A member's place is its key, an item's its first
 * character.  All of it lives in the arena. */

#define YAML_BYTES_MAX 1048576

struct yaml;

/* name: the file as it should be shown.  NULL when nothing can be made of it; mistakes after which
 * reading could go on leave a tree that may be checked further. */
struct yaml *yaml_read(struct mistakes *m, const char *name, const char *text, size_t n);

json_t *yaml_root(const struct yaml *y); /* never NULL; belongs to the arena, may be changed */
json_t *yaml_at(const struct yaml *y, const char *pointer); /* NULL: there is nothing */

/* Of the thing itself, or of the nearest one around it. */
struct place yaml_place(const struct yaml *y, const char *pointer);

/* Where a byte of the text at this pointer was written; *at becomes where the text starts, and
 * false is returned, when that cannot be told (escapes, a text that was changed after reading). The
 * second is for who counts lines and columns within the text, from 1. */
bool yaml_place_in(
    const struct yaml *y, const char *pointer, const char *text, size_t offset, struct place *at);
bool yaml_place_line(
    const struct yaml *y, const char *pointer, int line, int column, struct place *at);

/* "tools.lookup_order.demo[1]" for "/tools/lookup_order/demo/1". */
const char *yaml_path(const struct yaml *y, const char *pointer);

/* The text there lacks a part that is missing elsewhere, which has been said: from now on
 * yaml_mistake() says nothing about its value. */
void yaml_unset(struct yaml *y, const char *pointer);

/* A mistake at that pointer: place and path are worked out here. */
void yaml_mistake(const struct yaml *y, struct mistakes *m, const char *pointer, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* "when: n > 0 and #rows > 0" ends before the #, which starts a comment.  Is this a text that such
 * a # may have cut short?  All of them as mistakes, for files of expressions; or the one
 * at this pointer. */
bool yaml_is_cut(const struct yaml *y, const char *pointer);
void yaml_refuse_cut(const struct yaml *y, struct mistakes *m);
void yaml_refuse_cut_at(const struct yaml *y, struct mistakes *m, const char *pointer);

/* Has this file a mistake so far? */
bool yaml_spoiled(const struct yaml *y, const struct mistakes *m);

#endif
