#include "db/sqlite_guard.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <strings.h>

/* Functions that reach outside of the database or change the process.  Most are absent from
 * Debian's library; the list holds also where somebody links another. */
static const char *const outside[] = { "load_extension", "fts3_tokenizer", "readfile", "writefile",
	"edit", "sqlite_log" };

/* The actions worth a name in a refusal. */
static const char *action_name(int action)
{
	switch (action) {
	case SQLITE_INSERT: return "INSERT";
	case SQLITE_UPDATE: return "UPDATE";
	case SQLITE_DELETE: return "DELETE";
	case SQLITE_PRAGMA: return "PRAGMA";
	case SQLITE_ATTACH: return "ATTACH";
	case SQLITE_DETACH: return "DETACH";
	case SQLITE_TRANSACTION: return "BEGIN, COMMIT and ROLLBACK";
	case SQLITE_SAVEPOINT: return "SAVEPOINT";
	case SQLITE_ANALYZE: return "ANALYZE";
	case SQLITE_REINDEX: return "REINDEX";
	case SQLITE_ALTER_TABLE: return "ALTER TABLE";
	default: return "a change of the schema";
	}
}

static int refuse(struct sqlite_guard *g, const char *what, const char *why)
{
	if (g->refusal[0] == '\0')
		snprintf(g->refusal, sizeof(g->refusal), "%s is not allowed here: %s", what, why);
	return SQLITE_DENY;
}

static int may_call(struct sqlite_guard *g, const char *function)
{
	for (size_t i = 0; i < array_len(outside); i++) {
		if (function && strcasecmp(function, outside[i]) == 0)
			return refuse(g, outside[i], "it reaches outside of the database");
	}
	return SQLITE_OK;
}

static int may_change(struct sqlite_guard *g, int action, const char *table)
{
	char what[100];

	if (g->mode == SQLITE_WRITES)
		return SQLITE_OK;
	/* Asked when a table-valued function (json_each) is declared; SQLite itself refuses the
	 * statement that would do it. */
	if (action == SQLITE_UPDATE && text_is(table, "sqlite_master"))
		return SQLITE_OK;
	snprintf(what, sizeof(what), "%s (of %s)", action_name(action), table ? table : "a table");
	return refuse(g, what, "the connection only reads");
}

static int authorize(
    void *arg, int action, const char *a, const char *b, const char *schema, const char *trigger)
{
	struct sqlite_guard *g = arg;

	(void)schema;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE: return SQLITE_OK;
	case SQLITE_FUNCTION: return may_call(g, b);
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE: return may_change(g, action, a);
	case SQLITE_TRANSACTION:
		if (g->mode == SQLITE_WRITES && !g->checking)
			return SQLITE_OK;
		return refuse(g, action_name(action), "the server keeps the transaction");
	default:
		return refuse(g, action_name(action),
		    g->mode == SQLITE_READS ? "the connection only reads"
					    : "only rows may be changed");
	}
}

static void bound(sqlite3 *db)
{
	static const struct {
		int what, most;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, 4 << 20 },
		{ SQLITE_LIMIT_SQL_LENGTH, 256 << 10 },
		{ SQLITE_LIMIT_COLUMN, 200 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 100 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 50 },
		{ SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500 }, /* matching is quadratic in it */
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 200 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 20 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 },
	};

	for (size_t i = 0; i < array_len(limits); i++)
		sqlite3_limit(db, limits[i].what, limits[i].most);
}

void sqlite_guard_set(sqlite3 *db, struct sqlite_guard *guard)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	/* "costumer_id" is a mistyped column and no text. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	if (guard->mode == SQLITE_LOG) {
		sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 64 << 20);
		sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
		return;
	}
	bound(db);
	sqlite3_set_authorizer(db, authorize, guard);
}
