#ifndef TOOL_PLACEHOLDERS_H
#define TOOL_PLACEHOLDERS_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

/* `:order_id` and `:customer.id` in SQL, made into the database's own parameters.
 *
 * A value never becomes part of the text: `:order_id` is replaced by $1, and the value is bound
 * to it.  Text in quotes ('..', "..", `..`, [..]), comments and `::` are left alone.  The same
 * name gets the same number.  A query's own parameters (?, @x, $1) are refused: nobody would
 * give them a value.
 *
 * The number is padded with blanks to the length of the name, so an offset into the new text is
 * one into the old, and so are SQLite's errors.  (From the tenth one-letter name on they are off
 * by one.) */

struct placeholders {
	const char *sql;
	const char **names; /* names[0] is $1 */
	size_t *places;     /* where each first stands, in bytes */
	int n;
};

#define PLACEHOLDERS_MAX 100

/* All in mem.  -1 with ERR_INVALID and in *offset the byte that is wrong. */
int placeholders_read(
    struct arena *mem, const char *text, struct placeholders *out, size_t *offset, struct err *e);

#endif
