#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tool/names.h"
#include "tool/rows.h"
#include "tool/sql_tool.h"

#include <stdlib.h>
#include <string.h>

/* One call of an sql tool.
 *
 * The values are bound on the fiber and the statements run on the database's thread, which makes
 * the result and leaves the arena alone.
 *
 * A write is one transaction: find the key, or else run, require a change, note the key with the
 * result, commit.  All that fails before the commit is rolled back and therefore had no effect.
 * When the commit itself fails and there is nothing left to roll back, nobody knows. */

struct call {
	const struct sql_tool *tool;
	struct db_value **params; /* of each statement */
	const char *key, *at;

	json_t *value;       /* the result; NULL: it failed */
	const char *refused; /* why, in words for the model; NULL: see err */
	bool unknown;
	struct rows rows;
	struct err err;
};

static struct db_value value_of(const struct tool_call *call, const json_t *v)
{
	if (!v || json_is_null(v))
		return db_str(NULL);
	if (json_is_string(v))
		return (struct db_value){
			.type = DB_TEXT, .p = json_string_value(v), .n = json_string_length(v)
		};
	if (json_is_integer(v))
		return DB_NUM(json_integer_value(v));
	if (json_is_real(v))
		return (struct db_value){ .type = DB_REAL, .r = json_real_value(v) };
	if (json_is_boolean(v))
		return DB_NUM(json_is_true(v));
	return db_str(json_text(call->mem, v));
}

static int bind_name(const struct tool_call *call, const char *name, struct db_value *out,
    struct tool_result *result)
{
	const json_t *v;

	if (names_value(call, name, &v, result) < 0)
		return -1;
	*out = value_of(call, v);
	return 0;
}

static int bind_all(struct call *c, const struct tool_call *call, struct tool_result *result)
{
	c->params = arena_array(call->mem, struct db_value *, c->tool->n);
	for (int i = 0; i < c->tool->n; i++) {
		const struct placeholders *query = &c->tool->statements[i].query;

		c->params[i] = arena_array(call->mem, struct db_value, query->n);
		for (int k = 0; k < query->n; k++) {
			if (bind_name(call, query->names[k], &c->params[i][k], result) < 0)
				return -1;
		}
	}
	return 0;
}

static int run_statement(struct call *c, struct sqlite *db, int i, int64_t *changed)
{
	const struct placeholders *query = &c->tool->statements[i].query;
	db_row_fn *row = i == c->tool->answer ? rows_add : NULL;

	if (sqlite_run(db, query->sql, c->params[i], query->n, row, &c->rows, changed, &c->err) < 0)
		return -1;
	if (c->rows.err.code != ERR_NONE) {
		c->refused = c->rows.err.msg;
		return -1;
	}
	return 0;
}

static void read_rows(struct sqlite *db, void *arg)
{
	struct call *c = arg;

	c->rows.c = db;
	if (run_statement(c, db, 0, NULL) == 0)
		c->value = rows_take(&c->rows);
}

static int simply(struct sqlite *db, const char *sql, struct err *e)
{
	return sqlite_run(db, sql, NULL, 0, NULL, NULL, NULL, e);
}

/* Time may run out just now, and this is not what it should stop. */
static bool roll_back(struct sqlite *db)
{
	struct err e = { 0 };

	for (int i = 0; i < 3; i++) {
		sqlite_forget_interrupt(db);
		if (simply(db, "ROLLBACK", &e) == 0)
			return true;
		if (e.code != ERR_TIMEOUT)
			return false;
	}
	return false;
}

static int keep_result(void *arg, const struct db_value *values, int n)
{
	struct call *c = arg;
	struct err e = { 0 };

	(void)n;
	c->value = json_read(values[0].p, values[0].n, &e);
	if (c->value)
		return 0;
	/* It has happened, whatever somebody wrote into the table. */
	log_warn("the result noted in frontdesk_calls is no JSON: %s", e.msg);
	c->value = json_null();
	return 0;
}

/* 1: the write has happened before, and its result is there. */
static int find_key(struct call *c, struct sqlite *db)
{
	struct db_value key = db_str(c->key);

	if (sqlite_run(db, "SELECT result FROM frontdesk_calls WHERE key = $1", &key, 1,
		keep_result, c, NULL, &c->err) < 0)
		return -1;
	return c->value != NULL;
}

static int note_key(struct call *c, struct sqlite *db)
{
	struct buf text = { 0 };
	int rc;

	json_write(&text, c->value);
	rc = sqlite_run(db, "INSERT INTO frontdesk_calls (key, result, at) VALUES ($1, $2, $3)",
	    (struct db_value[]){ db_str(c->key), db_str(buf_str(&text)), db_str(c->at) }, 3, NULL,
	    NULL, NULL, &c->err);
	buf_done(&text);
	return rc;
}

static int make_changes(struct call *c, struct sqlite *db)
{
	int64_t total = 0, changed;

	for (int i = 0; i < c->tool->n; i++) {
		if (run_statement(c, db, i, &changed) < 0)
			return -1;
		total += changed;
	}
	if (total == 0) {
		c->refused = "nothing was changed: there is no matching record, or it does not "
			     "allow this now";
		return -1;
	}
	c->value = c->tool->answer < 0 ? json_pack("{s:I}", "changed", (json_int_t)total)
				       : rows_take(&c->rows);
	return 0;
}

static void write_once(struct sqlite *db, void *arg)
{
	struct call *c = arg;
	bool committing = false;
	int found;

	c->rows.c = db;
	if (simply(db, "BEGIN IMMEDIATE", &c->err) < 0)
		return;
	found = find_key(c, db);
	if (found == 1) {
		roll_back(db);
		return;
	}
	if (found == 0 && make_changes(c, db) == 0 && note_key(c, db) == 0) {
		committing = true;
		if (simply(db, "COMMIT", &c->err) == 0)
			return;
	}
	json_decref(c->value);
	c->value = NULL;
	c->unknown = !roll_back(db) && committing;
}

static void took_too_long(const struct tool *t, const struct tool_call *call,
    const char *afterwards, struct tool_result *out)
{
	if (t->timeout_ms > 0)
		tool_failed(out, call->mem, true, "it took longer than %.3g s%s",
		    (double)t->timeout_ms / 1000, afterwards);
	else
		tool_failed(out, call->mem, true, "it took too long%s", afterwards);
}

/* The words of a RAISE end like ours do, whatever their author wrote. */
static void trigger_refused(
    const char *words, const struct tool_call *call, struct tool_result *out)
{
	size_t n = strlen(words);

	if (n > 0 && words[n - 1] == '.')
		n--;
	tool_failed(out, call->mem, false, "%.*s", (int)n, words);
}

/* SQLite's own words hold SQL and names of columns: they are for the operator. */
static void explain(const struct tool *t, const struct tool_call *call, const struct call *c,
    struct tool_result *out)
{
	const char *afterwards = c->tool->write ? ", and nothing was changed" : "";

	switch (c->err.code) {
	case ERR_DENIED: trigger_refused(c->err.msg, call, out); return;
	case ERR_TIMEOUT:
	case ERR_CANCELED: took_too_long(t, call, afterwards, out); break;
	case ERR_IO:
		tool_failed(
		    out, call->mem, true, "the database cannot be used just now%s", afterwards);
		break;
	case ERR_CONFLICT:
		tool_failed(out, call->mem, false, "the database does not allow it%s", afterwards);
		break;
	default: tool_failed(out, call->mem, false, "the query cannot be run%s", afterwards); break;
	}
	log_warn(
	    "tool %s: database %s: %s", t->name, sql_database_name(c->tool->database), c->err.msg);
}

static void answer(const struct tool *t, const struct tool_call *call, const struct call *c,
    struct tool_result *out)
{
	if (c->value) {
		*out = (struct tool_result){ .status = TOOL_OK,
			.value = json_in(call->mem, c->value) };
	} else if (c->unknown) {
		tool_unknown(out, call->mem, "it is not known whether the change was made");
		log_error("tool %s: database %s: the commit failed: %s", t->name,
		    sql_database_name(c->tool->database), c->err.msg);
	} else if (c->refused) {
		tool_failed(out, call->mem, false, "%s", c->refused);
	} else {
		explain(t, call, c, out);
	}
}

void sql_call(const struct tool *t, const struct tool_call *call, struct tool_result *out)
{
	const struct sql_tool *tool = t->impl;
	char at[TEXT_TIME_SIZE];
	struct call c = { .tool = tool,
		.key = call->key,
		.rows = { .max = tool->max_rows, .max_bytes = tool->max_bytes, .one = tool->one } };

	if (tool->write && !call->key)
		bug("tool %s: a write without a key", t->name);
	if (bind_all(&c, call, out) < 0)
		return;
	c.at = text_time(at, world_time(sql_database_world(tool->database)));
	sql_database_run(
	    tool->database, tool->write, tool->write ? write_once : read_rows, &c, &c.err);
	rows_done(&c.rows);
	answer(t, call, &c, out);
}
