#ifndef TOOL_ROWS_H
#define TOOL_ROWS_H

#include "base/err.h"
#include "base/json.h"
#include "db/sqlite.h"

#include <stdbool.h>
#include <stddef.h>

/* Rows of a database as JSON that a model may read: bounded in number and bytes.
 *
 * Runs on the database's thread, so it touches no arena. */

struct rows {
	const struct sqlite *c;
	int max;          /* rows */
	size_t max_bytes; /* of their JSON */
	bool one;         /* the first row is the result */

	json_t *list; /* NULL at first */
	size_t bytes;
	bool truncated;
	struct err err; /* set when a value cannot be shown; the words are for the model */
};

db_row_fn rows_add; /* arg: struct rows */

/* {"rows":[...],"truncated":false}, or with `one` the object or null.  The caller owns it. */
json_t *rows_take(struct rows *r);
void rows_done(struct rows *r);

#endif
