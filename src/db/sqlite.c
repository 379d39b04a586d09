#include "db/sqlite.h"

#include "base/mem.h"
#include "base/text.h"
#include "db/sqlite_guard.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Statements are found again by the address of their text, in a small open hash table.  The text
 * is compared too: an address that was used again for another text costs a preparation and not
 * a wrong answer.
 *
 * sqlite3_interrupt() is forgotten by SQLite when no statement runs, so a deadline that passes
 * between two statements would be lost.  A flag of our own keeps it: looked at before each
 * statement, every thousand operations inside one, and while waiting for a lock. */

enum {
	CACHE_SLOTS = 512, /* a power of two */
	CACHE_MAX = 256,   /* statements; then the table starts anew */
	BUSY_MS = 5000,    /* for a lock, then ERR_IO */
	PROGRESS_OPERATIONS = 1000,
};

struct statement {
	const char *text;
	sqlite3_stmt *stmt;
	int *numbers; /* of each variable of SQLite's the N of its $N; 0: none */
	int nvars;
	bool running;
};

struct sqlite {
	sqlite3 *db;
	atomic_bool interrupted;
	struct sqlite_guard guard;
	struct statement cache[CACHE_SLOTS];
	int ncached;
	sqlite3_stmt *row_of; /* the statement whose row function runs */
	struct db_value *values;
	int nvalues;
};

struct db_value db_str(const char *s)
{
	if (!s)
		return (struct db_value){ .type = DB_NULL };
	return (struct db_value){ .type = DB_TEXT, .p = s, .n = strlen(s) };
}

const char *db_text(const struct db_value *v)
{
	return v->type == DB_TEXT ? v->p : NULL;
}

static enum err_code code_of(int rc, int extended)
{
	switch (rc) {
	case SQLITE_INTERRUPT: return ERR_TIMEOUT;
	case SQLITE_CONSTRAINT:
		return extended == SQLITE_CONSTRAINT_TRIGGER ? ERR_DENIED : ERR_CONFLICT;
	case SQLITE_TOOBIG: return ERR_LIMIT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_NOMEM: return ERR_IO;
	default: return ERR_INVALID;
	}
}

/* The failure of the connection's last call. */
static int failed(struct sqlite *c, int rc, struct err *e)
{
	enum err_code code = code_of(rc & 0xff, sqlite3_extended_errcode(c->db));
	int offset = sqlite3_error_offset(c->db);

	if ((rc & 0xff) == SQLITE_MISUSE)
		bug("sqlite: misuse: %s", sqlite3_errmsg(c->db));
	if (atomic_load(&c->interrupted) && (code == ERR_TIMEOUT || (rc & 0xff) == SQLITE_BUSY)) {
		atomic_store(&c->interrupted, false);
		return err_set(e, ERR_TIMEOUT, "interrupted");
	}
	if (code == ERR_INVALID && c->guard.refusal[0] != '\0')
		return err_set(e, ERR_INVALID, "%s", c->guard.refusal);
	if (code == ERR_DENIED)
		return err_set(e, code, "%s", sqlite3_errmsg(c->db));
	if (code == ERR_INVALID && offset >= 0 && !c->guard.checking)
		return err_set(e, code, "%s (at byte %d)", sqlite3_errmsg(c->db), offset);
	return err_set(e, code, "%s", sqlite3_errmsg(c->db));
}

static int on_progress(void *arg)
{
	struct sqlite *c = arg;

	return atomic_load(&c->interrupted);
}

/* Waits in small steps, so that an interrupt is seen also here. */
static int on_busy(void *arg, int waited)
{
	struct sqlite *c = arg;
	int step_ms = waited < 10 ? 1 : 5;
	int waited_ms = waited < 10 ? waited : 10 + (waited - 10) * 5;

	if (atomic_load(&c->interrupted) || waited_ms >= BUSY_MS)
		return 0;
	sqlite3_sleep(step_ms);
	return 1;
}

/* A name that starts with "file:" may be taken for a URI, whose parameters choose modes. */
static int open_file(struct sqlite *c, const char *path, int flags)
{
	size_t n = strlen(path) + sizeof("./");
	char *plain = mem_alloc(n);
	int rc;

	snprintf(plain, n, "%s%s", text_starts(path, "file:") ? "./" : "", path);
	rc = sqlite3_open_v2(plain, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	free(plain);
	return rc;
}

static int want_wal(void *arg, const struct db_value *values, int n)
{
	const char *mode = n == 1 ? db_text(&values[0]) : NULL;

	*(bool *)arg = text_is(mode, "wal") || text_is(mode, "memory");
	return 0;
}

static int set_modes(struct sqlite *c, enum sqlite_mode mode, struct err *e)
{
	bool wal = false;

	if (sqlite_script(c, "PRAGMA cache_size = -1024; PRAGMA foreign_keys = ON;", e) < 0)
		return -1;
	if (mode == SQLITE_READS)
		return sqlite_script(c, "PRAGMA query_only = ON; PRAGMA schema_version;", e);
	if (mode == SQLITE_WRITES)
		/* Without a WAL, FULL may lose the last commit at a power cut: the journal's
		 * removal is not synced.  EXTRA syncs the folder too. */
		return sqlite_script(c, "PRAGMA synchronous = EXTRA; PRAGMA schema_version;", e);
	if (sqlite_run(c, "PRAGMA journal_mode = WAL", NULL, 0, want_wal, &wal, NULL, e) < 0)
		return -1;
	if (!wal)
		return err_set(e, ERR_IO, "the file system does not support a write-ahead log");
	/* A batch's pages stay in memory until it is committed, and pages that are written again
	 * and again are carried into the file once in 16 MB of log, not once in four. */
	return sqlite_script(c,
	    "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216; "
	    "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -8192;",
	    e);
}

struct sqlite *sqlite_open(const char *path, enum sqlite_mode mode, struct err *e)
{
	static const int flags[] = {
		[SQLITE_READS] = SQLITE_OPEN_READONLY,
		[SQLITE_WRITES] = SQLITE_OPEN_READWRITE,
		[SQLITE_LOG] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	};
	struct sqlite *c = mem_new(struct sqlite);
	int rc = open_file(c, path, flags[mode]);

	c->guard.mode = mode;
	if (rc != SQLITE_OK) {
		failed(c, rc, e);
		goto fail;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_handler(c->db, on_busy, c);
	sqlite3_progress_handler(c->db, PROGRESS_OPERATIONS, on_progress, c);
	if (set_modes(c, mode, e) < 0)
		goto fail;
	/* SQLite quietly falls back to reading where it may not write. */
	if (mode != SQLITE_READS && sqlite3_db_readonly(c->db, "main") == 1) {
		err_set(e, ERR_IO, "the file may be read but not written");
		goto fail;
	}
	sqlite_guard_set(c->db, &c->guard);
	return c;
fail:
	err_wrap(e, "opening %s", path);
	sqlite_close(c);
	return NULL;
}

static void forget_statements(struct sqlite *c)
{
	for (int i = 0; i < CACHE_SLOTS; i++) {
		if (c->cache[i].running)
			bug("sqlite: a statement still runs: %s", c->cache[i].text);
		sqlite3_finalize(c->cache[i].stmt);
		free(c->cache[i].numbers);
	}
	memset(c->cache, 0, sizeof(c->cache));
	c->ncached = 0;
}

void sqlite_close(struct sqlite *c)
{
	if (!c)
		return;
	forget_statements(c);
	if (sqlite3_close(c->db) != SQLITE_OK)
		bug("sqlite: closing: %s", sqlite3_errmsg(c->db));
	free(c->values);
	free(c);
}

/* Is there nothing but white space, comments and semicolons? */
static bool is_blank(struct sqlite *c, const char *sql)
{
	while (*sql != '\0') {
		sqlite3_stmt *stmt = NULL;
		const char *tail = sql;
		int rc = sqlite3_prepare_v2(c->db, sql, -1, &stmt, &tail);

		sqlite3_finalize(stmt);
		if (rc != SQLITE_OK || stmt || tail == sql)
			return false;
		sql = tail;
	}
	return true;
}

/* Exactly one statement.  On failure *offset is where the mistake is, or -1. */
static int prepare(struct sqlite *c, const char *sql, unsigned flags, sqlite3_stmt **out,
    int *offset, struct err *e)
{
	const char *tail = NULL;
	int rc;

	c->guard.refusal[0] = '\0';
	rc = sqlite3_prepare_v3(c->db, sql, -1, flags, out, &tail);
	*offset = sqlite3_error_offset(c->db);
	if (rc != SQLITE_OK)
		return failed(c, rc, e);
	*offset = -1;
	if (!*out)
		return err_set(e, ERR_INVALID, "there is no statement in this text");
	if (is_blank(c, tail))
		return 0;
	sqlite3_finalize(*out);
	*out = NULL;
	*offset = (int)(tail - sql) + (int)strspn(tail, " \t\r\n");
	return err_set(e, ERR_INVALID, "more than one statement");
}

/* SQLite numbers $2 ... $1 in the order in which they appear; we bind by their names. */
static int number_variables(struct statement *s, struct err *e)
{
	s->nvars = sqlite3_bind_parameter_count(s->stmt);
	s->numbers = mem_alloc(sizeof(int) * (size_t)(s->nvars + 1));
	for (int i = 1; i <= s->nvars; i++) {
		const char *name = sqlite3_bind_parameter_name(s->stmt, i);
		char *end = NULL;
		long n = name && name[0] == '$' ? strtol(name + 1, &end, 10) : 0;

		if (n < 1 || n > 9999 || *end != '\0')
			return err_set(e, ERR_INVALID, "the parameter %s is not of the form $1",
			    name ? name : "?");
		s->numbers[i] = (int)n;
	}
	return 0;
}

static void drop_statement(struct statement *s)
{
	sqlite3_finalize(s->stmt);
	free(s->numbers);
	s->stmt = NULL;
	s->numbers = NULL;
}

static struct statement *slot_of(struct sqlite *c, const char *sql)
{
	size_t i = ((uintptr_t)sql * 0x9E3779B97F4A7C15u) >> 48;

	while (c->cache[i & (CACHE_SLOTS - 1)].text && c->cache[i & (CACHE_SLOTS - 1)].text != sql)
		i++;
	return &c->cache[i & (CACHE_SLOTS - 1)];
}

static struct statement *statement(struct sqlite *c, const char *sql, struct err *e)
{
	struct statement *s = slot_of(c, sql);
	int offset;

	if (s->running)
		bug("sqlite: a statement runs inside of itself: %s", sql);
	if (s->stmt && strcmp(sqlite3_sql(s->stmt), sql) == 0)
		return s;
	drop_statement(s);
	if (!s->text && c->ncached == CACHE_MAX) {
		forget_statements(c);
		s = slot_of(c, sql);
	}
	if (!s->text)
		c->ncached++;
	s->text = sql;
	if (prepare(c, sql, SQLITE_PREPARE_PERSISTENT, &s->stmt, &offset, e) < 0)
		return NULL;
	if (number_variables(s, e) < 0) {
		drop_statement(s);
		return NULL;
	}
	return s;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct db_value *v)
{
	switch (v->type) {
	case DB_INT: return sqlite3_bind_int64(stmt, at, v->i);
	case DB_REAL: return sqlite3_bind_double(stmt, at, v->r);
	case DB_TEXT: return sqlite3_bind_text64(stmt, at, v->p, v->n, SQLITE_STATIC, SQLITE_UTF8);
	case DB_BLOB:
		/* A NULL pointer would bind NULL, and an empty blob is not NULL. */
		return sqlite3_bind_blob64(stmt, at, v->p ? v->p : "", v->n, SQLITE_STATIC);
	default: return sqlite3_bind_null(stmt, at);
	}
}

static int bind(struct sqlite *c, const struct statement *s, const struct db_value *params,
    int nparams, struct err *e)
{
	for (int i = 1; i <= s->nvars; i++) {
		int rc;

		if (!params || s->numbers[i] > nparams)
			bug("sqlite: $%d is not given: %s", s->numbers[i], s->text);
		rc = bind_one(s->stmt, i, &params[s->numbers[i] - 1]);
		if (rc != SQLITE_OK)
			return failed(c, rc, e);
	}
	return 0;
}

static struct db_value value_of(sqlite3_stmt *stmt, int i)
{
	struct db_value v = { .type = DB_NULL };

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_INTEGER:
		v.type = DB_INT;
		v.i = sqlite3_column_int64(stmt, i);
		break;
	case SQLITE_FLOAT:
		v.type = DB_REAL;
		v.r = sqlite3_column_double(stmt, i);
		break;
	case SQLITE_TEXT:
		v.type = DB_TEXT;
		v.p = sqlite3_column_text(stmt, i);
		v.n = (size_t)sqlite3_column_bytes(stmt, i);
		break;
	case SQLITE_BLOB:
		v.type = DB_BLOB;
		v.p = sqlite3_column_blob(stmt, i);
		v.n = (size_t)sqlite3_column_bytes(stmt, i);
		break;
	default: break;
	}
	return v;
}

static int give_row(struct sqlite *c, sqlite3_stmt *stmt, db_row_fn *row, void *arg)
{
	sqlite3_stmt *outer = c->row_of;
	struct db_value *values = c->values;
	int n = sqlite3_data_count(stmt), room = c->nvalues, stop;

	/* A row function may run another statement: it gets values of its own. */
	c->values = NULL;
	c->nvalues = 0;
	if (n > room) {
		values = mem_resize(values, sizeof(*values) * (size_t)n);
		room = n;
	}
	for (int i = 0; i < n; i++)
		values[i] = value_of(stmt, i);
	c->row_of = stmt;
	stop = row(arg, values, n);
	c->row_of = outer;
	free(c->values);
	c->values = values;
	c->nvalues = room;
	return stop;
}

static int step_all(struct sqlite *c, struct statement *s, db_row_fn *row, void *arg, struct err *e)
{
	for (;;) {
		int rc = sqlite3_step(s->stmt);

		if (rc == SQLITE_DONE)
			return 0;
		if (rc != SQLITE_ROW)
			return failed(c, rc, e);
		if (row && give_row(c, s->stmt, row, arg) != 0)
			return 0;
	}
}

int sqlite_run(struct sqlite *c, const char *sql, const struct db_value *params, int nparams,
    db_row_fn *row, void *arg, int64_t *changes, struct err *e)
{
	int64_t before = sqlite3_total_changes64(c->db), moved;
	struct statement *s;
	int rc;

	if (atomic_exchange(&c->interrupted, false))
		return err_set(e, ERR_TIMEOUT, "interrupted");
	s = statement(c, sql, e);
	if (!s)
		return -1;
	s->running = true;
	rc = bind(c, s, params, nparams, e);
	if (rc == 0)
		rc = step_all(c, s, row, arg, e);
	sqlite3_reset(s->stmt);
	sqlite3_clear_bindings(s->stmt);
	s->running = false;
	if (rc < 0 || !changes)
		return rc;
	/* Of a view only its triggers' changes are counted, and by the total alone. */
	moved = sqlite3_total_changes64(c->db) - before;
	*changes = sqlite3_changes64(c->db);
	if (moved == 0 || *changes == 0)
		*changes = moved;
	return 0;
}

/* Where in a script of several lines: the mistake if SQLite says it, else its statement. */
static int at_line(struct sqlite *c, const char *script, const char *statement, struct err *e)
{
	int offset = sqlite3_error_offset(c->db), line = 1;
	const char *mistake = statement + strspn(statement, " \t\r\n");

	if (offset > 0)
		mistake = statement + offset;
	for (const char *s = script; s < mistake; s++)
		line += *s == '\n';
	return err_wrap(e, "line %d", line);
}

int sqlite_script(struct sqlite *c, const char *sql, struct err *e)
{
	const char *at = sql, *next = NULL;

	for (; *at != '\0'; at = next) {
		sqlite3_stmt *stmt = NULL;
		int rc;

		c->guard.refusal[0] = '\0';
		rc = sqlite3_prepare_v2(c->db, at, -1, &stmt, &next);
		while (rc == SQLITE_OK && stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			rc = SQLITE_OK;
		if (rc != SQLITE_OK && rc != SQLITE_DONE) {
			failed(c, rc, e);
			if (strchr(sql, '\n'))
				at_line(c, sql, at, e);
			sqlite3_finalize(stmt);
			return -1;
		}
		sqlite3_finalize(stmt);
	}
	return 0;
}

void sqlite_interrupt(void *arg)
{
	struct sqlite *c = arg;

	atomic_store(&c->interrupted, true);
	sqlite3_interrupt(c->db);
}

void sqlite_forget_interrupt(struct sqlite *c)
{
	atomic_store(&c->interrupted, false);
}

static void find_twice(sqlite3_stmt *stmt, struct sqlite_shape *out)
{
	out->twice[0] = '\0';
	for (int i = 1; i < out->ncolumns; i++) {
		const char *name = sqlite3_column_name(stmt, i);

		for (int k = 0; k < i; k++) {
			if (text_is(name, sqlite3_column_name(stmt, k)))
				snprintf(out->twice, sizeof(out->twice), "%s", name);
		}
	}
}

int sqlite_check(
    struct sqlite *c, const char *sql, struct sqlite_shape *out, int *offset, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	int at, rc;

	c->guard.checking = true;
	rc = prepare(c, sql, 0, &stmt, offset ? offset : &at, e);
	c->guard.checking = false;
	if (rc < 0)
		return -1;
	out->reads = sqlite3_stmt_readonly(stmt) != 0;
	out->ncolumns = sqlite3_column_count(stmt);
	find_twice(stmt, out);
	sqlite3_finalize(stmt);
	return 0;
}

const char *sqlite_column(const struct sqlite *c, int i)
{
	if (!c->row_of)
		bug("sqlite: no row function runs");
	return sqlite3_column_name(c->row_of, i);
}
