#ifndef DB_SQLITE_GUARD_H
#define DB_SQLITE_GUARD_H

#include "db/sqlite.h"

#include <sqlite3.h>
#include <stdbool.h>

/* What SQL may do on a connection, decided by SQLite while it compiles a statement.
 *
 * The authorizer is asked about each action of a statement, also inside views and triggers, so
 * nothing hides in the text.  It keeps the first refusal in words, because SQLite itself only
 * says "not authorized". */

struct sqlite_guard {
	enum sqlite_mode mode;
	bool checking;     /* a statement of a configuration: it may not end our transaction */
	char refusal[160]; /* "" or why the last statement was refused */
};

/* Bound the connection and set the authorizer; the guard lives as long as db.  For SQLITE_LOG
 * there are only the bounds: its SQL is ours. */
void sqlite_guard_set(sqlite3 *db, struct sqlite_guard *guard);

#endif
