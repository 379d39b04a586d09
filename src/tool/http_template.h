#ifndef TOOL_HTTP_TEMPLATE_H
#define TOOL_HTTP_TEMPLATE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A text of an http entry with names in it: "/orders/{order_id}/refunds".
 *
 *     {order_id} {customer.id}    a name, for whose value the place says how it is written
 *     {{ }}                       a { and a }
 *     ${PAY_KEY}                  the environment variable, put in when the text is read; $${ is
 *                                 a $ before a {
 *
 * A value is never read again: braces in it are braces.  Variables are put in here and not with
 * those of the rest of the file, so that a { in a key is no name, and so that we know what is
 * secret. */

enum http_part_kind {
	HTTP_TEXT,
	HTTP_SECRET, /* text from the environment */
	HTTP_NAME,
};

struct http_part {
	enum http_part_kind kind;
	const char *text; /* or the name */
	size_t offset;    /* where it stands in the source */
};

struct http_template {
	struct http_part *parts;
	int n;
};

/* All in mem.  -1 with ERR_INVALID and in *offset the byte that is wrong. */
int http_template_read(
    struct arena *mem, const char *text, struct http_template *out, size_t *offset, struct err *e);

/* The name, when that is all the text is; NULL otherwise. */
const char *http_template_alone(const struct http_template *t);

/* Does it name something of the customer?  A text that cannot be read names nothing. */
bool http_template_asks_for_customer(const char *text);

#endif
