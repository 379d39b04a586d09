#ifndef TOOL_NAMES_H
#define TOOL_NAMES_H

#include "tool/tool.h"

/* What a tool's entry may name: the tool's own parameters, and what the server knows.
 *
 * `customer.id`, `.name`, `.email`, `.tier` and `conversation.id` come from struct caller and from
 * nowhere else, so no argument can be one of them. */

/* Is there such a name?  -1 with ERR_INVALID; `written` is how the kind writes it, ":order_id" or
 * "{order_id}". */
int names_check(const json_t *parameters, const char *name, const char *written, struct err *e);

/* May this argument be left out? */
bool names_optional(const json_t *parameters, const char *name);

/* Its value in this call; NULL: an argument that was left out.  -1: the server does not know it,
 * and *result says so. */
int names_value(const struct tool_call *call, const char *name, const json_t **value,
    struct tool_result *result);

#endif
