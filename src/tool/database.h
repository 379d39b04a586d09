#ifndef TOOL_DATABASE_H
#define TOOL_DATABASE_H

#include "base/err.h"
#include "db/sqlite.h"
#include "fiber/world.h"

#include <stdbool.h>
#include <stdint.h>

/* One of the company's databases: an entry of `databases:` in the configuration.
 *
 * Reads run on up to four threads, each with a connection that can only read; writes on one, one
 * after another.  Connections are opened when they are first needed and kept.
 *
 * A database whose file is absent is made from the init script: in a file beside it that is renamed
 * when it is complete, so a crash in between leaves none.  The table frontdesk_calls comes with it;
 * in a database that was there before, its owner makes it, and until then write tools are refused.
 *
 *     frontdesk_calls(key, result, at): a write that has happened.  The row is committed together
 *     with the write's effect, so who finds it knows the effect is there, and who does not knows
 *     that it is not. */

struct sql_database;

/* init: the text of the script, or NULL where the file must exist.  Blocks: for the start. */
struct sql_database *sql_database_open(
    struct world *w, const char *name, const char *path, const char *init, struct err *e);
void sql_database_close(struct sql_database *d); /* NULL is fine; nothing may be running */
const char *sql_database_name(const struct sql_database *d);
struct world *sql_database_world(const struct sql_database *d);

/* ERR_INVALID, with the statement that makes the table, unless frontdesk_calls is there. */
int sql_database_takes_writes(struct sql_database *d, struct err *e);

typedef void sql_work_fn(struct sqlite *c, void *arg);

/* Run fn(c, arg) on a thread with a connection, and wait.  0: fn ran; when time ran out meanwhile
 * its statement was interrupted, and what fn left in arg says so.  -1: it did not run at all
 * (ERR_TIMEOUT, ERR_CANCELED, ERR_IO). */
int sql_database_run(struct sql_database *d, bool write, sql_work_fn *fn, void *arg, struct err *e);

/* A connection to check SQL with, at the start.  Blocks. */
struct sqlite *sql_database_take(struct sql_database *d, bool write, struct err *e);
void sql_database_give(struct sql_database *d, bool write, struct sqlite *c);

#endif
