#include "tests/check.h"

#include "db/sim_disk.h"
#include "db/sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* Power cuts at any moment, under SQLite itself: what each setting promises, and that a setting
 * which promises less is caught. */

#define SEEDS 200
#define ROWS  60

struct outcome {
	int lost, broken; /* seeds that lost an acknowledged row; whose database is damaged */
	int cut_short;    /* seeds whose power went before all was written */
	int kept;         /* seeds in which more than what was acknowledged came through */
};

static bool run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static sqlite3 *open_db(const char *pragmas)
{
	sqlite3 *db = NULL;

	if (sqlite3_open("shop.db", &db) == SQLITE_OK && run(db, pragmas))
		return db;
	sqlite3_close(db);
	return NULL;
}

static int number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return n;
}

static bool sound(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	bool ok = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
		  sqlite3_step(s) == SQLITE_ROW &&
		  !strcmp((const char *)sqlite3_column_text(s, 0), "ok");

	sqlite3_finalize(s);
	return ok;
}

/* A row a transaction until the power goes.  How many were acknowledged. */
static int write_rows(sqlite3 *db)
{
	char sql[200];

	for (int i = 1; i <= ROWS; i++) {
		snprintf(sql, sizeof(sql),
		    "INSERT INTO t VALUES (%d, hex(randomblob(%d)));"
		    "UPDATE t SET v = hex(randomblob(300)) WHERE id = 1 + %d %% 7;",
		    i, 100 + i * 37 % 2000, i);
		if (!run(db, "BEGIN") || !run(db, sql) || !run(db, "COMMIT"))
			return i - 1;
	}
	return ROWS;
}

static void cut_once(const char *pragmas, uint64_t seed, struct outcome *o)
{
	struct sim_disk *d = sim_disk_new(seed);
	sqlite3 *db = open_db(pragmas);
	int acknowledged, found;

	assert_non_null(db);
	assert_true(run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"));
	sim_disk_fail_after(d, (int64_t)(seed * 7919 % 900));
	acknowledged = write_rows(db);
	o->cut_short += sim_disk_failed(d);
	sim_disk_crash(d, seed);
	assert_false(run(db, "SELECT * FROM t"));
	sqlite3_close(db);
	db = open_db(pragmas);
	if (!db || !sound(db)) {
		o->broken++;
	} else {
		/* rows are numbered from 1 without gaps, whatever is missing at the end */
		found = number(db, "SELECT count(*) FROM t");
		if (found != number(db, "SELECT coalesce(max(id), 0) FROM t"))
			o->broken++;
		o->lost += found < acknowledged;
		o->kept += found > acknowledged;
		if (found > acknowledged + 1)
			fail_msg("seed %d: %d rows of %d", (int)seed, found, acknowledged);
	}
	sqlite3_close(db);
	sim_disk_free(d);
}

static struct outcome cut_often(const char *pragmas)
{
	struct outcome o = { 0 };

	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		cut_once(pragmas, seed, &o);
	print_message("%s\n    %d seeds: %d lost something, %d broken, %d in the middle, %d kept "
		      "the unacknowledged\n",
	    pragmas, SEEDS, o.lost, o.broken, o.cut_short, o.kept);
	assert_true(o.cut_short > SEEDS / 2);
	return o;
}

#define WAL "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=20;"

static void a_full_log_loses_nothing_acknowledged(void **state)
{
	struct outcome o = cut_often(WAL "PRAGMA synchronous=FULL");

	(void)state;
	assert_int_equal(o.lost, 0);
	assert_int_equal(o.broken, 0);
	assert_true(o.kept > 0); /* a commit that was cut may come through: the test sees it */
}

static void a_normal_log_loses_the_latest_and_stays_whole(void **state)
{
	struct outcome o = cut_often(WAL "PRAGMA synchronous=NORMAL");

	(void)state;
	assert_true(o.lost > SEEDS / 10);
	assert_int_equal(o.broken, 0);
}

static void without_syncs_the_database_breaks(void **state)
{
	struct outcome o = cut_often(WAL "PRAGMA synchronous=OFF");

	(void)state;
	assert_true(o.lost + o.broken > SEEDS / 10);
	assert_true(o.broken > 0);
}

/* The journal's deletion is the commit; FULL does not wait until the folder knows of it. */
static void a_rollback_journal_needs_extra(void **state)
{
	struct outcome full = cut_often("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL");
	struct outcome extra = cut_often("PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA");

	(void)state;
	assert_int_equal(full.broken, 0);
	assert_true(full.lost > 0);
	assert_int_equal(extra.broken, 0);
	assert_int_equal(extra.lost, 0);
}

static void a_reader_sees_what_a_writer_committed(void **state)
{
	struct sim_disk *d = sim_disk_new(1);
	sqlite3 *writer = open_db(WAL), *reader = open_db(WAL);

	(void)state;
	assert_true(run(writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"));
	assert_true(run(reader, "BEGIN"));
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 0);
	assert_true(run(writer, "INSERT INTO t VALUES (1, 'x')"));
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 0);
	assert_true(run(reader, "COMMIT"));
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 1);
	assert_true(run(writer, "BEGIN IMMEDIATE"));
	assert_false(run(reader, "BEGIN IMMEDIATE"));
	assert_int_equal(sqlite3_errcode(reader), SQLITE_BUSY);
	sqlite3_close(writer);
	sqlite3_close(reader);
	sim_disk_free(d);
}

static void locks_without_a_log_shut_out_as_they_should(void **state)
{
	struct sim_disk *d = sim_disk_new(1);
	sqlite3 *a = open_db("PRAGMA journal_mode=DELETE"), *b = open_db("PRAGMA cache_size=10");

	(void)state;
	assert_true(run(a, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"));
	assert_true(run(b, "BEGIN; SELECT count(*) FROM t"));
	assert_true(run(a, "BEGIN; INSERT INTO t VALUES (1, 'x')"));
	assert_false(run(a, "COMMIT")); /* b reads */
	assert_int_equal(sqlite3_errcode(a), SQLITE_BUSY);
	assert_true(run(b, "COMMIT"));
	assert_true(run(a, "COMMIT"));
	assert_int_equal(number(b, "SELECT count(*) FROM t"), 1);
	sqlite3_close(a);
	sqlite3_close(b);
	sim_disk_free(d);
}

static void what_was_synced_and_closed_survives_any_cut(void **state)
{
	struct sim_disk *d = sim_disk_new(1);
	sqlite3 *db = open_db(WAL);

	(void)state;
	assert_true(run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"));
	assert_int_equal(write_rows(db), ROWS);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		sim_disk_crash(d, seed);
		db = open_db(WAL);
		assert_int_equal(number(db, "SELECT count(*) FROM t"), ROWS);
		assert_true(sound(db));
		sqlite3_close(db);
	}
	sim_disk_free(d);
}

static void a_cut_repeats_by_its_seed(void **state)
{
	int found[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim_disk *d = sim_disk_new(5);
		sqlite3 *db = open_db(WAL "PRAGMA synchronous=NORMAL");

		assert_true(run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"));
		sim_disk_fail_after(d, 300);
		write_rows(db);
		sim_disk_crash(d, 77);
		sqlite3_close(db);
		db = open_db(WAL);
		found[i] = number(db, "SELECT total(length(v)) + count(*) FROM t");
		sqlite3_close(db);
		sim_disk_free(d);
	}
	assert_int_equal(found[0], found[1]);
}

/* The connection that the product uses, as it opens its log. */
static int append_until_the_power_goes(struct sqlite *c)
{
	struct err e;

	for (int i = 1; i <= ROWS; i++) {
		struct db_value id = DB_NUM(i);

		if (sqlite_run(
			c, "INSERT INTO log (id) VALUES ($1)", &id, 1, NULL, NULL, NULL, &e) < 0) {
			assert_int_equal(e.code, ERR_IO);
			return i - 1;
		}
	}
	return ROWS;
}

static int keep_count(void *arg, const struct db_value *values, int n)
{
	assert_int_equal(n, 1);
	*(int64_t *)arg = values[0].i;
	return 0;
}

static void our_own_log_loses_nothing_acknowledged(void **state)
{
	int in_the_middle = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim_disk *d = sim_disk_new(seed);
		struct err e;
		struct sqlite *c = sqlite_open("log.db", SQLITE_LOG, &e);
		int acknowledged;
		int64_t found = -1;

		assert_non_null(c);
		assert_int_equal(sqlite_script(c, "CREATE TABLE log (id INTEGER)", &e), 0);
		sim_disk_fail_after(d, (int64_t)(seed * 31 % 130));
		acknowledged = append_until_the_power_goes(c);
		in_the_middle += acknowledged < ROWS;
		sim_disk_crash(d, seed);
		sqlite_close(c);
		c = sqlite_open("log.db", SQLITE_LOG, &e);
		assert_non_null(c);
		assert_int_equal(sqlite_run(c, "SELECT count(*) FROM log", NULL, 0, keep_count,
				     &found, NULL, &e),
		    0);
		assert_in_range(found, acknowledged, acknowledged + 1);
		sqlite_close(c);
		sim_disk_free(d);
	}
	assert_true(in_the_middle > SEEDS / 2);
}

static void afterwards_sqlite_is_on_the_real_disk_again(void **state)
{
	sqlite3_vfs *before = sqlite3_vfs_find(NULL);
	struct sim_disk *d = sim_disk_new(1);

	(void)state;
	assert_ptr_not_equal(sqlite3_vfs_find(NULL), before);
	sim_disk_free(d);
	assert_ptr_equal(sqlite3_vfs_find(NULL), before);
	assert_null(sqlite3_vfs_find("sim_disk"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_log_loses_nothing_acknowledged),
		cmocka_unit_test(a_normal_log_loses_the_latest_and_stays_whole),
		cmocka_unit_test(without_syncs_the_database_breaks),
		cmocka_unit_test(a_rollback_journal_needs_extra),
		cmocka_unit_test(a_reader_sees_what_a_writer_committed),
		cmocka_unit_test(locks_without_a_log_shut_out_as_they_should),
		cmocka_unit_test(what_was_synced_and_closed_survives_any_cut),
		cmocka_unit_test(a_cut_repeats_by_its_seed),
		cmocka_unit_test(our_own_log_loses_nothing_acknowledged),
		cmocka_unit_test(afterwards_sqlite_is_on_the_real_disk_again),
	};

	return cmocka_run_group_tests_name("simulated disk", tests, NULL, NULL);
}
