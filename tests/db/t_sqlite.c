#include "base/mem.h"
#include "base/text.h"
#include "db/sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

struct place {
	char folder[64];
	char file[96];
};

static int set_up(void **state)
{
	struct place *p = mem_new(struct place);

	strcpy(p->folder, "/tmp/frontdesk-sqlite-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->file, sizeof(p->file), "%s/test.db", p->folder);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char name[128];

	for (size_t i = 0; i < array_len(endings); i++) {
		snprintf(name, sizeof(name), "%s%s", p->file, endings[i]);
		unlink(name);
	}
	rmdir(p->folder);
	free(p);
	return 0;
}

static struct sqlite *opened(const struct place *p, enum sqlite_mode mode)
{
	struct err e = { 0 };
	struct sqlite *c = sqlite_open(p->file, mode, &e);

	if (!c)
		fail_msg("%s", e.msg);
	return c;
}

static void script(struct sqlite *c, const char *sql)
{
	struct err e = { 0 };

	if (sqlite_script(c, sql, &e) < 0)
		fail_msg("%s", e.msg);
}

static int first_int(void *arg, const struct db_value *values, int n)
{
	assert_int_equal(n, 1);
	*(int64_t *)arg = values[0].type == DB_INT ? values[0].i : -1;
	return 0;
}

static int64_t number(struct sqlite *c, const char *sql)
{
	struct err e = { 0 };
	int64_t out = -2;

	if (sqlite_run(c, sql, NULL, 0, first_int, &out, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	return out;
}

static enum err_code refused(struct sqlite *c, const char *sql, struct err *e)
{
	memset(e, 0, sizeof(*e));
	if (sqlite_run(c, sql, NULL, 0, NULL, NULL, NULL, e) == 0)
		fail_msg("allowed: %s", sql);
	return e->code;
}

static int keep_row(void *arg, const struct db_value *values, int n)
{
	struct db_value *out = arg;

	for (int i = 0; i < n; i++) {
		out[i] = values[i];
		if (values[i].type == DB_TEXT)
			out[i].p = strdup(values[i].p);
	}
	return 0;
}

static void values_come_back_as_they_were_bound(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct db_value in[] = { DB_NUM(INT64_MIN), { .type = DB_REAL, .r = 0.25 },
		DB_STR("gr\xc3\xbc\xc3\x9f'e; DROP TABLE t"), DB_STR(NULL), DB_BYTES("\0\1", 2),
		DB_BYTES(NULL, 0) };
	struct db_value out[6];
	struct err e = { 0 };

	assert_int_equal(
	    sqlite_run(c, "SELECT $1, $2, $3, $4, $5, $6", in, 6, keep_row, out, NULL, &e), 0);
	assert_int_equal(out[0].i, INT64_MIN);
	assert_true(out[1].type == DB_REAL && out[1].r == 0.25);
	assert_string_equal(db_text(&out[2]), "gr\xc3\xbc\xc3\x9f'e; DROP TABLE t");
	assert_true(out[3].type == DB_NULL && db_text(&out[3]) == NULL);
	assert_true(out[4].type == DB_BLOB && out[4].n == 2);
	assert_true(out[5].type == DB_BLOB && out[5].n == 0);
	free((void *)(uintptr_t)out[2].p);
	sqlite_close(c);
}

static void parameters_are_bound_by_number_and_not_by_place(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct db_value in[] = { DB_NUM(1), DB_NUM(10), DB_NUM(100) };
	struct err e = { 0 };
	int64_t out = 0;

	assert_int_equal(
	    sqlite_run(c, "SELECT $3 - $1 - $3 + $1 + $3 - $1", in, 3, first_int, &out, NULL, &e),
	    0);
	assert_int_equal(out, 99);
	sqlite_close(c);
}

static int stop_at_third(void *arg, const struct db_value *values, int n)
{
	(void)values;
	(void)n;
	return ++*(int *)arg == 3;
}

static void a_row_function_may_stop_and_the_statement_runs_again(void **state)
{
	static const char *const count_up =
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };

	for (int round = 0; round < 3; round++) {
		int seen = 0;

		assert_int_equal(
		    sqlite_run(c, count_up, NULL, 0, stop_at_third, &seen, NULL, &e), 0);
		assert_int_equal(seen, 3);
	}
	sqlite_close(c);
}

static void changes_are_counted_for_each_statement_alone(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };
	int64_t n = -1;

	script(c,
	    "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;"
	    "CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (new.a); END");
	sqlite_run(c, "INSERT INTO t VALUES (1), (2), (3)", NULL, 0, NULL, NULL, &n, &e);
	assert_int_equal(n, 3);
	sqlite_run(c, "SELECT count(*) FROM t", NULL, 0, NULL, NULL, &n, &e);
	assert_int_equal(n, 0);
	sqlite_run(c, "UPDATE t SET a = 0 WHERE a > 5", NULL, 0, NULL, NULL, &n, &e);
	assert_int_equal(n, 0);
	sqlite_run(c, "INSERT INTO v VALUES (9)", NULL, 0, NULL, NULL, &n, &e);
	assert_int_equal(n, 1);
	sqlite_close(c);
}

static void a_text_whose_address_is_used_again_is_prepared_again(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	char text[40];

	strcpy(text, "SELECT 1");
	assert_int_equal(number(c, text), 1);
	strcpy(text, "SELECT 2");
	assert_int_equal(number(c, text), 2);
	sqlite_close(c);
}

static void more_statements_than_the_cache_holds_are_run(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	static char texts[1000][24];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 1000; i++) {
			snprintf(texts[i], sizeof(texts[i]), "SELECT %d", i);
			assert_int_equal(number(c, texts[i]), i);
		}
	}
	sqlite_close(c);
}

static void the_log_is_durable_and_checks_its_references(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };

	assert_int_equal(number(c, "PRAGMA synchronous"), 2);
	assert_int_equal(number(c, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number(c, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	script(c, "CREATE TABLE a (id INTEGER PRIMARY KEY);"
		  "CREATE TABLE b (a INTEGER REFERENCES a(id))");
	assert_int_equal(refused(c, "INSERT INTO b VALUES (7)", &e), ERR_CONFLICT);
	sqlite_close(c);
}

static void each_failure_has_its_code_and_sqlites_words(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };

	script(c, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER CHECK (n < 10)); "
		  "INSERT INTO t VALUES ('a', 1);"
		  "CREATE TRIGGER never BEFORE DELETE ON t BEGIN "
		  "  SELECT raise(ABORT, 'rows stay for ever'); END");
	assert_int_equal(refused(c, "INSERT INTO t VALUES ('a', 2)", &e), ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "UNIQUE constraint failed: t.id"));
	assert_int_equal(refused(c, "INSERT INTO t VALUES ('b', 20)", &e), ERR_CONFLICT);
	assert_int_equal(refused(c, "DELETE FROM t", &e), ERR_DENIED);
	assert_string_equal(e.msg, "rows stay for ever");
	assert_int_equal(refused(c, "SELECT absent FROM t", &e), ERR_INVALID);
	assert_string_equal(e.msg, "no such column: absent (at byte 7)");
	assert_int_equal(refused(c, "SELECT 1; SELECT 2", &e), ERR_INVALID);
	assert_non_null(strstr(e.msg, "more than one statement"));
	assert_int_equal(refused(c, " -- nothing", &e), ERR_INVALID);
	assert_int_equal(refused(c, "SELECT ?", &e), ERR_INVALID);
	assert_int_equal(refused(c, "SELECT \"typo\" FROM t", &e), ERR_INVALID);
	assert_int_equal(number(c, "SELECT count(*) FROM t; -- and no more"), 1);
	sqlite_close(c);
}

static void a_script_says_in_which_line_it_fails(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };

	assert_int_equal(
	    sqlite_script(c, "CREATE TABLE t (a);\n\nINSERT INTO t\n  VALUES (1, 2);\n", &e), -1);
	assert_string_equal(e.msg, "line 3: table t has 1 columns but 2 values were supplied");
	assert_int_equal(sqlite_script(c, "SELECT 1;\nSELECT 2,\n  bad;", &e), -1);
	assert_non_null(strstr(e.msg, "line 3: no such column: bad"));
	sqlite_close(c);
}

static void an_absent_file_is_only_made_for_the_log(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };

	assert_null(sqlite_open(p->file, SQLITE_READS, &e));
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, p->file));
	assert_null(sqlite_open(p->file, SQLITE_WRITES, &e));
	assert_int_not_equal(access(p->file, F_OK), 0);
}

static void what_is_no_database_is_refused_at_once(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	FILE *f = fopen(p->file, "w");

	for (int i = 0; i < 200; i++)
		fputs("customer,order\n", f);
	fclose(f);
	assert_null(sqlite_open(p->file, SQLITE_READS, &e));
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, "not a database"));
}

static void a_reading_connection_only_reads(void **state)
{
	static const struct {
		const char *sql, *words;
	} attempts[] = {
		{ "INSERT INTO t VALUES (2)", "INSERT" },
		{ "UPDATE t SET a = 2", "UPDATE" },
		{ "DELETE FROM t", "DELETE" },
		{ "WITH x(a) AS (SELECT 2) INSERT INTO t SELECT a FROM x", "INSERT" },
		{ "INSERT INTO t VALUES (2) RETURNING a", "INSERT" },
		{ "CREATE TABLE u (a)", "not allowed" },
		{ "CREATE TEMP TABLE u (a)", "not allowed" },
		{ "DROP TABLE t", "not allowed" },
		{ "ALTER TABLE t RENAME TO u", "not allowed" },
		{ "PRAGMA query_only = OFF", "PRAGMA" },
		{ "PRAGMA table_info(t)", "PRAGMA" },
		{ "SELECT * FROM pragma_table_info('t')", "PRAGMA" },
		{ "ATTACH '/tmp/frontdesk-attached.db' AS other", "ATTACH" },
		{ "DETACH main", "DETACH" },
		{ "SELECT load_extension('/tmp/x.so')", "load_extension" },
		{ "SELECT LOAD_EXTENSION('/tmp/x.so')", "load_extension" },
		{ "SELECT fts3_tokenizer('simple')", "fts3_tokenizer" },
		{ "UPDATE sqlite_master SET sql = 'x'", "sqlite_master" },
		{ "BEGIN", "BEGIN" },
		{ "SAVEPOINT s", "SAVEPOINT" },
		{ "VACUUM INTO '/tmp/frontdesk-copy.db'", "" },
		{ "REINDEX", "" },
		{ "ANALYZE", "" },
	};
	struct sqlite *log = opened(*state, SQLITE_LOG), *c;
	struct err e = { 0 };

	script(log, "CREATE TABLE t (a PRIMARY KEY); INSERT INTO t VALUES (1)");
	c = opened(*state, SQLITE_READS);
	for (size_t i = 0; i < array_len(attempts); i++) {
		if (refused(c, attempts[i].sql, &e) != ERR_INVALID)
			fail_msg("%s: %s", attempts[i].sql, e.msg);
		if (!strstr(e.msg, attempts[i].words))
			fail_msg("%s: %s", attempts[i].sql, e.msg);
	}
	assert_int_equal(number(c, "SELECT a FROM t"), 1);
	assert_int_equal(number(c, "SELECT sum(value) FROM json_each('[1, 2]')"), 3);
	assert_int_equal(number(c, "SELECT length(upper('abc')) FROM t"), 3);
	assert_int_not_equal(access("/tmp/frontdesk-copy.db", F_OK), 0);
	assert_int_not_equal(access("/tmp/frontdesk-attached.db", F_OK), 0);
	sqlite_close(c);
	sqlite_close(log);
}

static void a_writing_connection_changes_rows_and_nothing_else(void **state)
{
	static const char *const attempts[] = {
		"CREATE TABLE u (a)",
		"DROP TABLE t",
		"ALTER TABLE t ADD COLUMN b",
		"PRAGMA synchronous = OFF",
		"ATTACH ':memory:' AS other",
		"SELECT load_extension('/tmp/x.so')",
		"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
		"VACUUM INTO '/tmp/frontdesk-copy.db'",
	};
	struct sqlite *log = opened(*state, SQLITE_LOG), *c;
	struct err e = { 0 };

	script(log, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
	c = opened(*state, SQLITE_WRITES);
	for (size_t i = 0; i < array_len(attempts); i++) {
		if (refused(c, attempts[i], &e) != ERR_INVALID)
			fail_msg("%s: %s", attempts[i], e.msg);
	}
	script(c, "BEGIN IMMEDIATE; UPDATE t SET a = 5; COMMIT");
	assert_int_equal(number(log, "SELECT a FROM t"), 5);
	sqlite_close(c);
	sqlite_close(log);
}

static void the_shape_of_a_statement_is_known_without_running_it(void **state)
{
	struct sqlite *log = opened(*state, SQLITE_LOG), *c;
	struct sqlite_shape shape;
	struct err e = { 0 };
	int offset = 0;

	script(log, "CREATE TABLE t (a, b)");
	c = opened(*state, SQLITE_WRITES);
	assert_int_equal(sqlite_check(c, "SELECT a, b FROM t WHERE a = $1", &shape, NULL, &e), 0);
	assert_true(shape.reads && shape.ncolumns == 2 && shape.twice[0] == '\0');
	assert_int_equal(sqlite_check(c, "SELECT a, b, a FROM t", &shape, NULL, &e), 0);
	assert_string_equal(shape.twice, "a");
	assert_int_equal(sqlite_check(c, "INSERT INTO t VALUES (1, 2)", &shape, NULL, &e), 0);
	assert_true(!shape.reads && shape.ncolumns == 0);
	assert_int_equal(sqlite_check(c, "DELETE FROM t RETURNING a", &shape, NULL, &e), 0);
	assert_true(!shape.reads && shape.ncolumns == 1);
	assert_int_equal(number(log, "SELECT count(*) FROM t"), 0);
	assert_int_equal(sqlite_check(c, "SELECT a, x FROM t", &shape, &offset, &e), -1);
	assert_int_equal(offset, 10);
	assert_int_equal(sqlite_check(c, "COMMIT", &shape, &offset, &e), -1);
	assert_non_null(strstr(e.msg, "COMMIT"));
	sqlite_close(c);
	sqlite_close(log);
}

static const char *const endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

static void *interrupt_soon(void *c)
{
	usleep(20000);
	sqlite_interrupt(c);
	return NULL;
}

static void an_interrupt_stops_what_runs(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	pthread_t thread;
	struct err e = { 0 };

	pthread_create(&thread, NULL, interrupt_soon, c);
	assert_int_equal(refused(c, endless, &e), ERR_TIMEOUT);
	pthread_join(thread, NULL);
	assert_int_equal(number(c, "SELECT 1"), 1);
	sqlite_close(c);
}

static void an_interrupt_between_two_statements_is_not_lost(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };

	sqlite_interrupt(c);
	assert_int_equal(refused(c, "SELECT 1", &e), ERR_TIMEOUT);
	assert_int_equal(number(c, "SELECT 1"), 1);
	sqlite_interrupt(c);
	sqlite_forget_interrupt(c);
	assert_int_equal(number(c, "SELECT 1"), 1);
	sqlite_close(c);
}

static void an_interrupt_ends_the_wait_for_a_lock(void **state)
{
	struct sqlite *holder = opened(*state, SQLITE_LOG), *c = opened(*state, SQLITE_LOG);
	pthread_t thread;
	struct err e = { 0 };

	script(holder, "CREATE TABLE t (a); BEGIN IMMEDIATE");
	pthread_create(&thread, NULL, interrupt_soon, c);
	assert_int_equal(refused(c, "INSERT INTO t VALUES (1)", &e), ERR_TIMEOUT);
	pthread_join(thread, NULL);
	script(holder, "COMMIT");
	sqlite_close(c);
	sqlite_close(holder);
}

static int look_up_each(void *arg, const struct db_value *values, int n)
{
	struct sqlite *c = arg;

	assert_int_equal(n, 2);
	assert_string_equal(sqlite_column(c, 1), "b");
	assert_int_equal(number(c, "SELECT 40 + 2"), 42);
	assert_string_equal(sqlite_column(c, 0), "a");
	assert_int_equal(values[1].i, values[0].i + 1);
	return 0;
}

static void a_row_function_may_run_another_statement(void **state)
{
	struct sqlite *c = opened(*state, SQLITE_LOG);
	struct err e = { 0 };

	assert_int_equal(sqlite_run(c, "SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4", NULL, 0,
			     look_up_each, c, NULL, &e),
	    0);
	sqlite_close(c);
}

static void a_name_is_a_file_and_never_a_uri(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	char here[256];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(p->folder), 0);
	sqlite_close(sqlite_open("file:test.db?mode=memory", SQLITE_LOG, &e));
	assert_int_equal(unlink("file:test.db?mode=memory"), 0);
	assert_int_equal(chdir(here), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(values_come_back_as_they_were_bound),
		TEST(parameters_are_bound_by_number_and_not_by_place),
		TEST(a_row_function_may_stop_and_the_statement_runs_again),
		TEST(changes_are_counted_for_each_statement_alone),
		TEST(a_text_whose_address_is_used_again_is_prepared_again),
		TEST(more_statements_than_the_cache_holds_are_run),
		TEST(the_log_is_durable_and_checks_its_references),
		TEST(each_failure_has_its_code_and_sqlites_words),
		TEST(a_script_says_in_which_line_it_fails),
		TEST(an_absent_file_is_only_made_for_the_log),
		TEST(what_is_no_database_is_refused_at_once),
		TEST(a_reading_connection_only_reads),
		TEST(a_writing_connection_changes_rows_and_nothing_else),
		TEST(the_shape_of_a_statement_is_known_without_running_it),
		TEST(an_interrupt_stops_what_runs),
		TEST(an_interrupt_between_two_statements_is_not_lost),
		TEST(an_interrupt_ends_the_wait_for_a_lock),
		TEST(a_row_function_may_run_another_statement),
		TEST(a_name_is_a_file_and_never_a_uri),
	};

	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
