#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One connection to one SQLite file, for one thread at a time.
 *
 * Everything here blocks: call it on a lane (fiber/world.h), never on the loop.  Only
 * sqlite_interrupt() may come from another thread.
 *
 * Statements are prepared once and kept by the address of their text, so the text of a
 * statement that is used again must be the same static string.  Parameters are $1, $2, ... as
 * in PostgreSQL.
 *
 * A read-only connection is read-only by the database's word, not by ours: the file is opened
 * so, and an authorizer refuses what could still reach outside (ATTACH, PRAGMA, extensions). */

enum sqlite_mode {
	SQLITE_READS,  /* read only, for reads of the log and of users' databases */
	SQLITE_WRITES, /* a user's database, for tools with effect: write */
	SQLITE_LOG,    /* our own log: made when absent, WAL, synchronous=FULL */
};

struct sqlite;

struct db_value {
	enum {
		DB_NULL,
		DB_INT,
		DB_REAL,
		DB_TEXT,
		DB_BLOB
	} type;
	int64_t i;
	double r;
	const void *p; /* text or blob; n bytes, text is NUL-terminated when it comes from a row */
	size_t n;
};

#define DB_STR(s)        (db_str(s))
#define DB_NUM(v)        ((struct db_value){ .type = DB_INT, .i = (v) })
#define DB_BYTES(b, len) ((struct db_value){ .type = DB_BLOB, .p = (b), .n = (len) })

struct db_value db_str(const char *s);         /* NULL is NULL */
const char *db_text(const struct db_value *v); /* NULL unless text */

/* Called for each row; the values live until it returns.  Non-zero stops: db_run then returns 0. */
typedef int db_row_fn(void *arg, const struct db_value *values, int n);

struct sqlite *sqlite_open(const char *path, enum sqlite_mode mode, struct err *e);
void sqlite_close(struct sqlite *c); /* NULL is fine */

/* Run one statement.  *changes (may be NULL): rows that it changed.  ERR_CONFLICT: a UNIQUE,
 * PRIMARY KEY or another constraint said no; ERR_DENIED: a trigger did, and the message is the
 * words of its RAISE; ERR_TIMEOUT: interrupted; ERR_IO: the disk, or a lock not had within 5 s;
 * ERR_LIMIT: a value too large; ERR_INVALID: the SQL, with SQLite's words. */
int sqlite_run(struct sqlite *c, const char *sql, const struct db_value *params, int nparams,
    db_row_fn *row, void *arg, int64_t *changes, struct err *e);
/* Several statements with no parameters, one after another: migrations, a shop's .sql. */
int sqlite_script(struct sqlite *c, const char *sql, struct err *e);
/* From any thread; shape of lane_run's interrupt.  Stops the statement that runs, else the next
 * one: a job that takes a connection over forgets first what was meant for the job before it. */
void sqlite_interrupt(void *c);
void sqlite_forget_interrupt(struct sqlite *c);

/* What a statement of a configuration is, by SQLite's word; nothing runs.  Refused with
 * ERR_INVALID: SQL that does not compile, more or less than one statement, BEGIN and the like.
 * *offset (may be NULL): the byte of the text that the error is about, or -1. */
struct sqlite_shape {
	bool reads;     /* it cannot change the database */
	int ncolumns;   /* 0: it returns no rows */
	char twice[64]; /* the name of a column that comes twice, or "" */
};

int sqlite_check(
    struct sqlite *c, const char *sql, struct sqlite_shape *out, int *offset, struct err *e);

/* The name of column i, for a db_row_fn and while it runs. */
const char *sqlite_column(const struct sqlite *c, int i);

#endif
