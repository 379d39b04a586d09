#include "check.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The log's store: what is committed together, what fails alone, what a failing disk leaves. */

struct fixture {
	struct world *world;
	struct store *store;
	struct arena *mem;
	char dir[64], path[96];
};

static void folder(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "%s/frontdesk-test-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(f->dir))
		bug("no folder");
	snprintf(f->path, sizeof(f->path), "%s/log.db", f->dir);
	f->mem = arena_new();
}

static void remove_folder(struct fixture *f)
{
	static const char *const names[] = { "log.db", "log.db-wal", "log.db-shm",
		"frontdesk.lock" };
	char path[128];

	for (size_t i = 0; i < array_len(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
	arena_free(f->mem);
}

static void open_store(struct fixture *f)
{
	struct err e = { 0 };

	f->store = store_open(f->world, f->path, &e);
	if (!f->store)
		bug("%s", e.msg);
}

#define STORE_TEST(name_)                                                                          \
	static void name_##_body(struct fixture *f);                                               \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct fixture f = { .world = w };                                                 \
                                                                                                   \
		folder(&f);                                                                        \
		open_store(&f);                                                                    \
		name_##_body(&f);                                                                  \
		store_close(f.store);                                                              \
		remove_folder(&f);                                                                 \
	}                                                                                          \
	static void name_##_body(struct fixture *f)

/* Changes: rows of the table of clients' keys, since it is the simplest. */

struct told {
	int ok, failed, order;
	enum err_code code;
	char msg[200];
};

struct one {
	struct told *told;
	int nth;
};

static void on_done(struct change *c, const struct err *failed)
{
	struct one *o = change_self(c);

	if (failed) {
		o->told->failed++;
		o->told->code = failed->code;
		snprintf(o->told->msg, sizeof(o->told->msg), "%.150s", failed->msg);
	} else {
		o->told->ok++;
	}
	if (o->nth) {
		CHECK_INT(o->nth, o->told->order + 1);
		o->told->order = o->nth;
	}
	free(o);
}

/* nth: its place in the order in which all of `told` must be heard of; 0: any. */
static struct change *change(struct told *told, int nth)
{
	struct one *o = mem_new(struct one);

	*o = (struct one){ told, nth };
	return change_new(NULL, on_done, o);
}

static void insert(struct change *c, const char *scope, const char *key, int64_t at)
{
	struct db_value p[] = { DB_STR(scope), DB_STR(arena_strdup(change_mem(c), key)),
		DB_NUM(at) };

	change_add(c,
	    "INSERT INTO client_keys (scope, key, body_hash, conversation, seq, at) "
	    "VALUES ($1, $2, '', '', 0, $3) ON CONFLICT DO NOTHING",
	    p, 3, 1, ERR_CONFLICT, "the key was used");
}

static const char *number(struct change *c, const char *before, int i)
{
	return arena_printf(change_mem(c), "%s%d", before, i);
}

static void submit_one(struct fixture *f, struct told *t, const char *scope, int i)
{
	struct change *c = change(t, 0);

	insert(c, scope, number(c, "", i), i);
	store_submit(f->store, c);
}

static void wait_for(const struct told *t, int n)
{
	struct err e;

	while (t->ok + t->failed < n && fiber_sleep(1, &e) == 0)
		;
}

static int rows_of(struct fixture *f, const char *scope)
{
	struct db_value p = DB_STR(scope);
	struct rows r;
	struct err e = { 0 };

	CHECK_OK(store_query(f->store, f->mem, "SELECT key FROM client_keys WHERE scope = $1", &p,
		     1, &r, &e),
	    &e);
	return r.n;
}

/* 64 conversations, each with ten changes that wait for one another. */

#define WRITERS 64
#define EACH    10

struct writer {
	struct fixture *f;
	struct told told;
	const char *key;
};

static void write_some(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < EACH; i++) {
		submit_one(w->f, &w->told, w->key, i);
		wait_for(&w->told, i + 1);
	}
}

static void commit_in_groups(struct fixture *f)
{
	struct writer *w = arena_array(f->mem, struct writer, WRITERS);
	struct scope s;
	struct store_stats stats;

	scope_open(&s, FOREVER);
	for (int i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .f = f, .key = arena_printf(f->mem, "c_%d", i) };
		scope_go(&s, write_some, &w[i]);
	}
	scope_join(&s);
	stats = store_stats(f->store);
	fprintf(stderr, "%d conversations at once: %lld changes in %lld commits\n", WRITERS,
	    (long long)stats.changes, (long long)stats.commits);
	for (int i = 0; i < WRITERS; i++)
		CHECK_INT(w[i].told.ok, EACH);
	CHECK_INT(stats.changes, WRITERS * EACH);
	CHECK(stats.commits * 8 <= stats.changes);
}

STORE_TEST(many_changes_are_one_commit)
{
	commit_in_groups(f);
}

STORE_TEST(many_changes_are_one_commit_on_threads_too)
{
	commit_in_groups(f);
}

STORE_TEST(a_change_that_stands_alone_waits_for_nobody)
{
	struct told t = { 0 };

	for (int i = 0; i < 3; i++) {
		submit_one(f, &t, "a", i);
		wait_for(&t, i + 1);
	}
	CHECK_INT(store_stats(f->store).commits, 3);
}

STORE_TEST(what_lingers_goes_a_moment_later_or_when_it_is_hurried)
{
	struct told t = { 0 };
	struct change *late = change(&t, 2), *hurried = change(&t, 1);
	int64_t start = fiber_now();
	struct err e = { 0 };

	insert(late, "s", "late", 0);
	insert(hurried, "s", "hurried", 0);
	store_submit_later(f->store, late);
	store_submit_later(f->store, hurried);
	CHECK_OK(fiber_sleep(1, &e), &e);
	CHECK_INT(t.ok, 0);
	insert(hurried, "s", "joined", 0);
	store_hurry(f->store, hurried);
	CHECK_OK(fiber_sleep(1, &e), &e);
	CHECK_INT(t.ok, 1);
	while (!t.failed && t.ok < 2 && fiber_now() < start + 1000)
		CHECK_OK(fiber_sleep(1, &e), &e);
	CHECK_INT(t.ok, 2);
	CHECK(fiber_now() - start <= 50);
	CHECK_INT(store_stats(f->store).changes, 2);
}

STORE_TEST(closing_waits_for_what_lingers)
{
	struct told t = { 0 };
	struct change *c = change(&t, 0);

	insert(c, "s", "k", 0);
	store_submit_later(f->store, c);
	store_close(f->store);
	CHECK_INT(t.ok, 1);
	open_store(f);
}

STORE_TEST(a_change_that_fails_harms_none_of_its_neighbours)
{
	struct told good = { 0 }, bad = { 0 }, worse = { 0 };
	struct change *c;

	for (int i = 0; i < 20; i++) {
		submit_one(f, &good, "good", i);
		c = change(&bad, 0); /* its second statement finds no row to insert */
		insert(c, "bad", number(c, "b", i), 0);
		insert(c, "good", "0", 0);
		store_submit(f->store, c);
		c = change(&worse, 0); /* its second one is refused by the database */
		insert(c, "bad", number(c, "w", i), 0);
		change_add(c, "INSERT INTO client_keys (scope) VALUES ('x')", NULL, 0, 1,
		    ERR_CONFLICT, "unused");
		store_submit(f->store, c);
	}
	wait_for(&good, 20);
	wait_for(&bad, 20);
	wait_for(&worse, 20);
	CHECK_INT(good.ok, 20);
	CHECK_INT(bad.failed, 20);
	CHECK_INT(bad.code, ERR_CONFLICT);
	CHECK_STR(bad.msg, "the key was used");
	CHECK_INT(worse.failed, 20);
	CHECK_HAS(worse.msg, "NOT NULL");
	CHECK_INT(rows_of(f, "good"), 20);
	CHECK_INT(rows_of(f, "bad"), 0);
	CHECK_INT(store_stats(f->store).commits, 1);
}

STORE_TEST(what_builds_on_a_failed_change_fails_with_it)
{
	static const char *const keys[] = { "k0", "k0", "k2", "k3" };
	struct told t = { 0 }, other = { 0 };
	struct chain chain = { 0 };
	struct change *c;

	for (int i = 0; i < 4; i++) {
		c = change(&t, i + 1);
		change_follows(c, &chain);
		insert(c, "chain", keys[i], 0);
		store_submit(f->store, c);
		submit_one(f, &other, "other", i);
	}
	wait_for(&t, 4);
	CHECK_INT(t.ok, 1);
	CHECK_INT(t.failed, 3);
	CHECK_STR(t.msg, "the key was used");
	CHECK_INT(other.ok, 4);
	c = change(&t, 5); /* also when it comes later */
	change_follows(c, &chain);
	insert(c, "chain", "k5", 0);
	store_submit(f->store, c);
	wait_for(&t, 5);
	CHECK_INT(t.failed, 4);
	CHECK_INT(rows_of(f, "chain"), 1);
}

STORE_TEST(changes_are_committed_in_the_order_in_which_they_came)
{
	struct told t = { 0 };
	struct rows r;
	struct err e = { 0 };

	world_sim_jitter(f->world, 5);
	for (int i = 1; i <= 1500; i++) { /* more than fit into a batch */
		struct change *c = change(&t, i);
		struct db_value p[] = { DB_NUM(i), DB_NUM(i - 1) };

		if (i == 1)
			insert(c, "order", "k", 1);
		else
			change_add(c,
			    "UPDATE client_keys SET at = $1 WHERE scope = 'order' AND at = $2", p,
			    2, 1, ERR_CONFLICT, "out of order");
		store_submit(f->store, c);
		if (i % 700 == 0)
			fiber_sleep(i % 7, &e);
	}
	wait_for(&t, 1500);
	CHECK_INT(t.ok, 1500);
	CHECK_OK(store_query(f->store, f->mem, "SELECT at FROM client_keys", NULL, 0, &r, &e), &e);
	CHECK_INT(row_value(&r, 0, 0)->i, 1500);
}

STORE_TEST(closing_waits_for_what_is_queued)
{
	struct told t = { 0 };

	for (int i = 0; i < 50; i++)
		submit_one(f, &t, "close", i);
	store_close(f->store);
	CHECK_INT(t.ok, 50);
	open_store(f);
	CHECK_INT(rows_of(f, "close"), 50);
}

/* Reading. */

struct reader {
	struct fixture *f;
	int rows;
};

static void read_all(void *arg)
{
	struct reader *r = arg;
	struct arena *mem = arena_new();
	struct rows rows;
	struct err e = { 0 };

	CHECK_OK(
	    store_query(r->f->store, mem, "SELECT key, at FROM client_keys", NULL, 0, &rows, &e),
	    &e);
	r->rows = rows.n;
	arena_free(mem);
}

static void many_readers(struct fixture *f)
{
	struct told t = { 0 };
	struct reader r[50];
	struct scope s;

	for (int i = 0; i < 30; i++)
		submit_one(f, &t, "read", i);
	wait_for(&t, 30);
	for (int round = 0; round < 3; round++) {
		scope_open(&s, FOREVER);
		for (size_t i = 0; i < array_len(r); i++) {
			r[i] = (struct reader){ f, 0 };
			scope_go(&s, read_all, &r[i]);
		}
		scope_join(&s);
		for (size_t i = 0; i < array_len(r); i++)
			CHECK_INT(r[i].rows, 30);
	}
}

STORE_TEST(many_read_at_once)
{
	many_readers(f);
}

STORE_TEST(many_read_at_once_on_threads)
{
	many_readers(f);
}

struct endless {
	struct fixture *f;
	struct err err;
	int result;
};

static void read_for_ever(void *arg)
{
	struct endless *q = arg;
	struct rows r;

	q->result = store_query(q->f->store, q->f->mem,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM "
	    "n",
	    NULL, 0, &r, &q->err);
}

/* Whoever is told to stop leaves a connection behind that serves the next. */
STORE_TEST(a_read_that_was_stopped_spoils_none_after_it)
{
	struct err e = { 0 };

	for (int i = 0; i < 20; i++) {
		struct endless q = { .f = f };
		struct scope s;
		struct rows r;

		scope_open(&s, fiber_now() + i % 5);
		scope_go(&s, read_for_ever, &q);
		scope_join(&s);
		CHECK_INT(q.result, -1);
		CHECK_INT(q.err.code, ERR_TIMEOUT);
		CHECK_OK(store_query(f->store, f->mem, "SELECT 1", NULL, 0, &r, &e), &e);
		CHECK_INT(r.n, 1);
	}
}

STORE_TEST(a_query_that_is_wrong_says_so)
{
	struct rows r;
	struct err e = { 0 };

	CHECK_ERR(store_query(f->store, f->mem, "SELECT nothing FROM nowhere", NULL, 0, &r, &e), &e,
	    ERR_INVALID);
	CHECK_HAS(e.msg, "reading the log: ");
	CHECK_INT(r.n, 0);
	CHECK(store_query(f->store, f->mem, "DELETE FROM client_keys", NULL, 0, &r, &e) < 0);
}

STORE_TEST(values_of_every_type_come_back)
{
	struct rows r;
	struct err e = { 0 };
	struct db_value p[] = { DB_STR("\xc3\xbc"), DB_NUM(INT64_MIN), DB_BYTES("a\0b", 3),
		DB_STR(NULL), DB_STR("") };

	CHECK_OK(store_query(f->store, f->mem, "SELECT $1, $2, $3, $4, $5, 0.5", p, 5, &r, &e), &e);
	CHECK_INT(r.columns, 6);
	CHECK_STR(db_text(row_value(&r, 0, 0)), "\xc3\xbc");
	CHECK(row_value(&r, 0, 1)->i == INT64_MIN);
	CHECK_INT(row_value(&r, 0, 2)->n, 3);
	CHECK_INT(row_value(&r, 0, 3)->type, DB_NULL);
	CHECK_STR(db_text(row_value(&r, 0, 4)), "");
	CHECK(row_value(&r, 0, 5)->r == 0.5);
}

/* Settings. */

STORE_TEST(settings_survive)
{
	const char *value;
	struct err e = { 0 };

	CHECK_OK(store_setting(f->store, f->mem, "secret", &value, &e), &e);
	CHECK(!value);
	CHECK_OK(store_set_setting(f->store, "secret", "one", &e), &e);
	CHECK_OK(store_set_setting(f->store, "secret", "two", &e), &e);
	store_close(f->store);
	open_store(f);
	CHECK_OK(store_setting(f->store, f->mem, "secret", &value, &e), &e);
	CHECK_STR(value, "two");
}

struct setter {
	struct fixture *f;
	int result;
	struct err err;
};

static void set_it(void *arg)
{
	struct setter *s = arg;

	s->result = store_set_setting(s->f->store, "secret", "kept", &s->err);
}

STORE_TEST(who_stops_waiting_for_a_setting_does_not_undo_it)
{
	struct setter set = { .f = f };
	struct scope s;
	const char *value;
	struct err e = { 0 };

	world_sim_jitter(f->world, 50);
	scope_open(&s, FOREVER);
	scope_go(&s, set_it, &set);
	CHECK_OK(fiber_yield(&e), &e);
	scope_cancel(&s);
	scope_join(&s);
	CHECK_INT(set.result, -1);
	CHECK_INT(set.err.code, ERR_CANCELED);
	store_close(f->store);
	open_store(f);
	CHECK_OK(store_setting(f->store, f->mem, "secret", &value, &e), &e);
	CHECK_STR(value, "kept");
}

/* A failing disk. */

static void disk_takes(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* 40 changes of some size on a disk that takes no more than so many bytes a file: what was told is
 * what is there.  Returns how many failed. */
static int fill(struct fixture *f, rlim_t bytes, const char *scope)
{
	struct told t = { 0 };
	char big[1201];

	disk_takes(bytes);
	for (int i = 0; i < 40; i++) {
		struct change *c = change(&t, 0);

		memset(big, 'x', 1200);
		big[1200] = '\0';
		memcpy(big, &(char[]){ (char)('a' + i / 10), (char)('0' + i % 10) }, 2);
		insert(c, scope, big, 0);
		insert(c, scope, number(c, "second of ", i), 0);
		store_submit(f->store, c);
		if (i % 4 == 3)
			wait_for(&t, i + 1);
	}
	disk_takes(RLIM_INFINITY);
	CHECK_INT(t.ok + t.failed, 40);
	CHECK_INT(rows_of(f, scope), 2 * t.ok);
	if (t.failed)
		CHECK_INT(t.code, ERR_IO);
	return t.failed;
}

STORE_TEST(on_a_full_disk_changes_fail_whole_and_afterwards_all_is_well)
{
	struct told t = { 0 };
	struct rows r;
	struct err e = { 0 };
	int some = 0;

	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(fill(f, 0, "dead"), 40);
	for (int round = 1; round <= 40; round++) {
		struct stat st = { 0 };
		int failed;

		CHECK_INT(stat(arena_printf(f->mem, "%s-wal", f->path), &st), 0);
		failed = fill(f, (rlim_t)st.st_size + (rlim_t)(round * 1777 % 60000),
		    arena_printf(f->mem, "full %d", round));
		some += failed > 0 && failed < 40;
	}
	CHECK(some > 5);
	for (int i = 0; i < 3; i++)
		submit_one(f, &t, "afterwards", i);
	wait_for(&t, 3);
	CHECK_INT(t.ok, 3);
	store_close(f->store);
	open_store(f);
	CHECK_INT(rows_of(f, "afterwards"), 3);
	CHECK_OK(store_query(f->store, f->mem,
		     "SELECT scope, count(*) FROM client_keys GROUP BY 1 HAVING count(*) % 2 = 1 "
		     "AND scope <> 'afterwards'",
		     NULL, 0, &r, &e),
	    &e);
	CHECK_INT(r.n, 0);
}

/* Its file. */

static void run_sql(struct fixture *f, const char *sql)
{
	struct err e = { 0 };
	struct sqlite *log = sqlite_open(f->path, SQLITE_LOG, &e);

	if (CHECK(log))
		CHECK_OK(sqlite_script(log, sql, &e), &e);
	sqlite_close(log);
}

STORE_TEST(a_file_is_migrated_once)
{
	struct rows r;
	struct err e = { 0 };

	for (int i = 0; i < 2; i++) {
		CHECK_OK(store_query(f->store, f->mem, "SELECT version FROM schema_version", NULL,
			     0, &r, &e),
		    &e);
		CHECK_INT(r.n, 1);
		CHECK(row_value(&r, 0, 0)->i >= 1);
		store_close(f->store);
		open_store(f);
	}
}

static void a_file_of_a_newer_program_is_refused(struct world *w)
{
	struct fixture f = { .world = w };
	struct err e = { 0 };

	folder(&f);
	open_store(&f);
	store_close(f.store);
	run_sql(&f, "UPDATE schema_version SET version = 99");
	CHECK(!store_open(w, f.path, &e));
	CHECK_INT(e.code, ERR_INVALID);
	CHECK_HAS(e.msg, "version 99");
	CHECK_HAS(e.msg, "use the newer program");
	remove_folder(&f);
}

static void a_migration_that_fails_leaves_nothing(struct world *w)
{
	struct fixture f = { .world = w };
	struct err e = { 0 };

	folder(&f);
	run_sql(&f, "CREATE TABLE settings (other TEXT)"); /* in the way of the last of step 1 */
	CHECK(!store_open(w, f.path, &e));
	CHECK_HAS(e.msg, "migration 1");
	CHECK_HAS(e.msg, "settings");
	run_sql(&f, "DROP TABLE settings");
	open_store(&f);
	store_close(f.store);
	remove_folder(&f);
}

static void a_file_that_is_no_database_is_refused(struct world *w)
{
	struct fixture f = { .world = w };
	struct err e = { 0 };
	FILE *file;

	folder(&f);
	file = fopen(f.path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", file);
	fclose(file);
	CHECK(!store_open(w, f.path, &e));
	CHECK_INT(e.code, ERR_IO);
	CHECK_HAS(e.msg, f.path);
	CHECK(!store_open(w, "/nowhere/at/all/log.db", &e));
	CHECK_HAS(e.msg, "/nowhere/at/all/log.db");
	remove_folder(&f);
}

/* The lock. */

static void a_second_process_is_refused_by_the_number_of_the_first(void **state)
{
	struct fixture f = { 0 };
	struct lock_holder by;
	struct err e = { 0 };
	int ready[2], over[2], status;
	char byte, words[60];
	pid_t child;

	(void)state;
	folder(&f);
	assert_int_equal(pipe(ready) + pipe(over), 0);
	child = fork();
	if (!child) {
		byte = store_lock(f.dir, &e) == 0 &&
			       store_lock_address(f.dir, "http://127.0.0.1:9", &e) == 0
			   ? 'y'
			   : 'n';
		close(over[1]);
		_exit(write(ready[1], &byte, 1) == 1 && read(over[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(over[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(store_lock(f.dir, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	snprintf(words, sizeof(words), "another frontdesk (process %ld)", (long)child);
	assert_non_null(strstr(e.msg, words));
	assert_non_null(strstr(e.msg, f.dir));
	assert_int_equal(store_lock_holder(f.dir, &by, &e), 0);
	assert_true(by.held);
	assert_int_equal(by.process, child);
	assert_string_equal(by.address, "http://127.0.0.1:9");
	close(over[1]);
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	/* Whoever ends, however, gives it back; what it wrote counts no longer. */
	assert_int_equal(store_lock_holder(f.dir, &by, &e), 0);
	assert_false(by.held);
	assert_string_equal(by.address, "");
	assert_int_equal(store_lock(f.dir, &e), 0);
	close(ready[0]);
	close(ready[1]);
	remove_folder(&f);
}

static void the_data_folder_is_made_or_refused(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };
	struct lock_holder by;
	char *made;
	struct stat st;

	(void)state;
	folder(&f);
	made = arena_printf(f.mem, "%s/data", f.dir);
	assert_int_equal(store_lock_holder(made, &by, &e), 0);
	assert_false(by.held);
	assert_int_equal(store_lock(made, &e), 0);
	assert_int_equal(store_lock_holder(made, &by, &e), 0);
	assert_true(by.held);
	assert_string_equal(by.address, "");
	assert_int_equal(stat(made, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	unlink(arena_printf(f.mem, "%s/frontdesk.lock", made));
	rmdir(made);
	assert_int_equal(store_lock("/nowhere/at/all", &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, "/nowhere/at/all"));
	fclose(fopen(made, "w"));
	assert_int_equal(store_lock(made, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	unlink(made);
	remove_folder(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(many_changes_are_one_commit),
		REAL_TEST(many_changes_are_one_commit_on_threads_too),
		SIM_TEST(a_change_that_stands_alone_waits_for_nobody),
		SIM_TEST(what_lingers_goes_a_moment_later_or_when_it_is_hurried),
		SIM_TEST(closing_waits_for_what_lingers),
		SIM_TEST(a_change_that_fails_harms_none_of_its_neighbours),
		SIM_TEST(what_builds_on_a_failed_change_fails_with_it),
		SIM_TEST(changes_are_committed_in_the_order_in_which_they_came),
		SIM_TEST(closing_waits_for_what_is_queued),
		SIM_TEST(many_read_at_once),
		REAL_TEST(many_read_at_once_on_threads),
		REAL_TEST(a_read_that_was_stopped_spoils_none_after_it),
		SIM_TEST(a_query_that_is_wrong_says_so),
		SIM_TEST(values_of_every_type_come_back),
		SIM_TEST(settings_survive),
		SIM_TEST(who_stops_waiting_for_a_setting_does_not_undo_it),
		SIM_TEST(on_a_full_disk_changes_fail_whole_and_afterwards_all_is_well),
		SIM_TEST(a_file_is_migrated_once),
		SIM_TEST(a_file_of_a_newer_program_is_refused),
		SIM_TEST(a_migration_that_fails_leaves_nothing),
		SIM_TEST(a_file_that_is_no_database_is_refused),
		cmocka_unit_test(a_second_process_is_refused_by_the_number_of_the_first),
		cmocka_unit_test(the_data_folder_is_made_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
