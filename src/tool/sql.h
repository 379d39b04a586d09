#ifndef TOOL_SQL_H
#define TOOL_SQL_H

#include "tool/database.h"
#include "tool/tool.h"

/* The kind `sql`: a named query on one of the company's databases.
 *
 *     sql:
 *       database: shop
 *       query: "SELECT ... WHERE customer_id = :customer.id AND id = :order_id"
 *       rows: one                       # or many, the default
 *       limits: { rows: 50, bytes: 32768 }
 *
 * A read is one statement, and the database makes sure that it is one.  A write (`effect: write`)
 * is one or a list, run in one transaction that also notes the call's key with its result: the
 * same key again gets the same result, and nothing runs.  A write that changes no row failed.
 *
 * The result is {"rows":[...],"truncated":false}, with `rows: one` the first row or null.  Of a
 * write it is what the last statement that returns rows returned; without one, {"changed":N}.
 *
 * :customer.id, .name, .email and .tier are the server's; where one is not known the call is
 * refused, never run with NULL.  An argument that was left out is NULL.  A trigger's
 * raise(ABORT, 'words') refuses a write, and the model reads the words. */

extern const struct tool_kind sql_tool_kind;

/* What sql_tool_kind.make does when the database is at hand. */
int sql_tool_new(struct sql_database *d, const json_t *config, const json_t *parameters,
    enum effect effect, void **impl, struct tool_mistake *where, struct err *e);

#endif
