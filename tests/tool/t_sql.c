#include "tests/tool/calls.h"

#include <sqlite3.h>
#include <stdatomic.h>

static const char shop[] =
    "CREATE TABLE orders (id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, cents INTEGER NOT NULL,"
    "  refunded INTEGER NOT NULL DEFAULT 0, CHECK (refunded <= cents));\n"
    "INSERT INTO orders (id, customer_id, cents) VALUES"
    "  ('FW-1', 'ada', 1000), ('FW-2', 'ada', 2000), ('FW-3', 'bob', 3000);\n"
    "CREATE TABLE log (entry TEXT);\n"
    "CREATE TRIGGER small_refunds BEFORE UPDATE OF refunded ON orders WHEN new.refunded > 1500\n"
    "BEGIN SELECT raise(ABORT, 'refunds above 15.00 are made by a person.'); END;\n";

static const char by_id[] =
    "{\"database\":\"shop\",\"query\":\"SELECT id, cents FROM orders"
    " WHERE customer_id = :customer.id AND (:id IS NULL OR id = :id) ORDER BY id\"}";
static const char id_parameter[] = "{\"properties\":{\"id\":{\"type\":\"string\"}}}";
static const char refund[] =
    "{\"database\":\"shop\",\"rows\":\"one\",\"query\":[\"UPDATE orders SET refunded = refunded + "
    ":cents"
    " WHERE id = :id AND customer_id = :customer.id RETURNING id, refunded\","
    "\"INSERT INTO log SELECT :id WHERE changes() > 0\"]}";
static const char refund_parameters[] =
    "{\"properties\":{\"id\":{\"type\":\"string\"},\"cents\":{\"type\":\"integer\"}}}";

static void an_argument_left_out_is_null_and_the_customer_is_the_servers(void **state)
{
	struct a_call c[] = {
		{ .config = by_id, .parameters = id_parameter, .customer = "ada" },
		{ .config = by_id,
		    .parameters = id_parameter,
		    .customer = "ada",
		    .arguments = "{\"id\":\"FW-2\"}" },
		{ .config = by_id,
		    .parameters = id_parameter,
		    .customer = "bob",
		    .arguments = "{\"id\":null,\"customer.id\":\"ada\"}" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 3, false);
	is_ok(&c[0],
	    "{\"rows\":[{\"id\":\"FW-1\",\"cents\":1000},{\"id\":\"FW-2\",\"cents\":2000}],"
	    "\"truncated\":false}");
	is_ok(&c[1], "{\"rows\":[{\"id\":\"FW-2\",\"cents\":2000}],\"truncated\":false}");
	is_ok(&c[2], "{\"rows\":[{\"id\":\"FW-3\",\"cents\":3000}],\"truncated\":false}");
}

static void anothers_order_reads_like_one_that_does_not_exist(void **state)
{
	struct a_call c[] = {
		{ .config = by_id,
		    .parameters = id_parameter,
		    .customer = "ada",
		    .arguments = "{\"id\":\"FW-3\"}" },
		{ .config = by_id,
		    .parameters = id_parameter,
		    .customer = "ada",
		    .arguments = "{\"id\":\"FW-9\"}" },
		{ .config = refund,
		    .parameters = refund_parameters,
		    .customer = "ada",
		    .key = "k1",
		    .arguments = "{\"id\":\"FW-3\",\"cents\":1}" },
		{ .config = refund,
		    .parameters = refund_parameters,
		    .customer = "ada",
		    .key = "k2",
		    .arguments = "{\"id\":\"FW-9\",\"cents\":1}" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 4, false);
	is_ok(&c[0], "{\"rows\":[],\"truncated\":false}");
	is_ok(&c[1], c[0].text);
	is_failed(&c[2], "nothing was changed");
	assert_string_equal(c[2].text, c[3].text);
}

static void without_a_customer_the_call_is_refused(void **state)
{
	static const char fields[] = "{\"database\":\"shop\",\"rows\":\"one\",\"query\":"
				     "\"SELECT :customer.name AS name, :customer.email AS email\"}";
	struct a_call c[] = {
		{ .config = by_id, .parameters = id_parameter },
		{ .config = fields, .record = "{\"name\":\"x\",\"email\":\"y\"}" },
		{ .config = fields, .customer = "ada", .record = "{\"name\":\"Ada\"}" },
		{ .config = fields,
		    .customer = "ada",
		    .record = "{\"name\":\"Ada\",\"email\":null}" },
		{ .config = fields, .customer = "ada" },
		{ .config = fields,
		    .customer = "ada",
		    .record = "{\"name\":\"Ada\",\"email\":\"a@b\"}" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 6, false);
	is_failed(&c[0], "no customer is known in this conversation");
	is_failed(&c[1], "no customer is known");
	is_failed(&c[2], "the email of the customer is not known");
	is_failed(&c[3], "the email of the customer is not known");
	is_failed(&c[4], "the name of the customer is not known");
	is_ok(&c[5], "{\"name\":\"Ada\",\"email\":\"a@b\"}");
}

static void what_an_argument_says_is_never_sql(void **state)
{
	static const char *const arguments[] = {
		"{\"id\":\"FW-1' OR '1'='1\"}",
		"{\"id\":\"' UNION SELECT id, cents FROM orders --\"}",
		"{\"id\":\"FW-1'; DROP TABLE orders; --\"}",
		"{\"id\":\"$1\"}",
		"{\"id\":\":customer.id\"}",
		"{\"id\":\"FW-1\\u0000\"}",
		"{\"id\":\"\"}",
		"{\"id\":\"%\"}",
	};
	struct a_call c[array_len(arguments) + 1];

	memset(c, 0, sizeof(c));
	for (size_t i = 0; i < array_len(c); i++) {
		c[i].config = by_id;
		c[i].parameters = id_parameter;
		c[i].customer = "ada";
		c[i].arguments = i < array_len(arguments) ? arguments[i] : NULL;
	}
	open_place(*state, world_sim(1), shop);
	calls(*state, c, (int)array_len(c), false);
	for (size_t i = 0; i < array_len(arguments); i++)
		is_ok(&c[i], "{\"rows\":[],\"truncated\":false}");
	assert_non_null(strstr(c[array_len(arguments)].text, "FW-2"));
}

static void values_keep_their_types(void **state)
{
	static const char echo[] =
	    "{\"database\":\"shop\",\"rows\":\"one\",\"query\":"
	    "\"SELECT :a AS a, :b AS b, :c AS c, :d AS d, :e AS e, :f AS f, typeof(:c) AS t\"}";
	static const char all[] =
	    "{\"properties\":{\"a\":{},\"b\":{},\"c\":{},\"d\":{},\"e\":{},\"f\":{}}}";
	struct a_call c = { .config = echo,
		.parameters = all,
		.arguments = "{\"a\":\"gr\xc3\xbc\xc3\x9f\",\"b\":9007199254740993,\"c\":0.5,"
			     "\"d\":true,\"f\":[1,{\"x\":2}]}" };

	open_place(*state, world_sim(1), shop);
	calls(*state, &c, 1, false);
	is_ok(&c,
	    "{\"a\":\"gr\xc3\xbc\xc3\x9f\",\"b\":9007199254740993,\"c\":0.5,\"d\":1,\"e\":null,"
	    "\"f\":\"[1,{\\\"x\\\":2}]\",\"t\":\"real\"}");
}

static void what_json_cannot_hold_is_refused_with_words(void **state)
{
	struct a_call c[] = {
		{ .config = "{\"query\":\"SELECT x'00' AS photo\"}" },
		{ .config = "{\"query\":\"SELECT CAST(x'ff41' AS TEXT) AS name\"}" },
		{ .config = "{\"query\":\"SELECT 9e999 AS ratio\"}" },
		{ .config = "{\"query\":\"SELECT id FROM orders WHERE id = "
			    "'none'\",\"rows\":\"one\"}" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 4, false);
	is_failed(&c[0], "the value of photo is binary data");
	is_failed(&c[1], "the value of name is not valid text");
	is_failed(&c[2], "the value of ratio is not a finite number");
	is_ok(&c[3], "null");
}

#define COUNT_TO(n)                                                                                \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n ") "        \
	"SELECT i FROM n"

static void rows_and_bytes_are_bounded(void **state)
{
	struct a_call c[] = {
		{ .config = "{\"query\":\"" COUNT_TO(50) "\"}" },
		{ .config = "{\"query\":\"" COUNT_TO(51) "\"}" },
		{ .config = "{\"query\":\"" COUNT_TO(1000000000) "\",\"limits\":{\"rows\":2}}" },
		{ .config = "{\"query\":\"" COUNT_TO(
		      100) "\",\"limits\":{\"rows\":1000,\"bytes\":100}}" },
		{ .config = "{\"query\":\"SELECT printf('%.200c', 'x') AS t\","
			    "\"limits\":{\"bytes\":100}}" },
		{ .config = "{\"query\":\"SELECT printf('%.40000c', 'x') AS t\"}" },
		{ .config = "{\"query\":\"" COUNT_TO(3) "\",\"rows\":\"one\"}" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 7, false);
	assert_int_equal(json_array_size(json_object_get(c[0].result.value, "rows")), 50);
	assert_false(json_flag(c[0].result.value, "truncated"));
	assert_int_equal(json_array_size(json_object_get(c[1].result.value, "rows")), 50);
	assert_true(json_flag(c[1].result.value, "truncated"));
	is_ok(&c[2], "{\"rows\":[{\"i\":1},{\"i\":2}],\"truncated\":true}");
	/* {"i":1}, is 8 bytes, nine of them and three of {"i":10}, are 99 */
	assert_int_equal(json_array_size(json_object_get(c[3].result.value, "rows")), 12);
	assert_true(json_flag(c[3].result.value, "truncated"));
	is_failed(&c[4], "one row alone is larger than 100 bytes");
	is_failed(&c[5], "one row alone is larger than 32768 bytes");
	is_ok(&c[6], "{\"i\":1}");
}

static const char endless[] = "{\"query\":\"" COUNT_TO(1000000000000) "\",\"limits\":{\"rows\":1}}";
static const char endless_sum[] =
    "{\"query\":\"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT sum(i) AS s FROM n\"}";

static void a_query_that_runs_away_ends_at_its_deadline(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct a_call c[] = {
		{ .config = endless_sum, .timeout_ms = 60 },
		{ .config = endless_sum, .timeout_ms = 60 },
		{ .config = endless, .timeout_ms = 5000 },
	};

	open_place(p, world_real(&e), shop);
	calls(p, c, 3, false);
	is_failed(&c[0], "it took longer than 0.06 s");
	assert_true(c[0].result.retry);
	assert_true(c[0].took_ms >= 59 && c[0].took_ms < 1000);
	is_failed(&c[1], "it took longer than 0.06 s");
	is_ok(&c[2], "{\"rows\":[{\"i\":1}],\"truncated\":true}");
}

static void reads_run_side_by_side(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct a_call c[8];

	memset(c, 0, sizeof(c));
	for (size_t i = 0; i < array_len(c); i++) {
		c[i].config = i < 4 ? endless_sum : by_id;
		c[i].parameters = id_parameter;
		c[i].customer = "ada";
		c[i].timeout_ms = i < 3 ? 500 : i == 3 ? 100 : 5000;
	}
	open_place(p, world_real(&e), shop);
	calls(p, c, 8, true);
	for (int i = 0; i < 4; i++)
		is_failed(&c[i], "it took longer");
	for (int i = 4; i < 8; i++) {
		assert_int_equal(c[i].result.status, TOOL_OK);
		/* They waited for the first thread that came free, and for no more. */
		assert_true(c[i].took_ms < 450);
	}
}

static int first_int(void *arg, const struct db_value *values, int n)
{
	(void)n;
	*(int64_t *)arg = values[0].i;
	return 0;
}

static int64_t count(struct place *p, const char *sql)
{
	struct err e = { 0 };
	struct sqlite *c = sqlite_open(p->file, SQLITE_READS, &e);
	int64_t out = -1;

	assert_non_null(c);
	assert_int_equal(sqlite_run(c, sql, NULL, 0, first_int, &out, NULL, &e), 0);
	sqlite_close(c);
	return out;
}

static void the_same_key_again_is_the_same_write(void **state)
{
	struct place *p = *state;
	struct a_call c[4];

	for (int i = 0; i < 4; i++) {
		c[i] = (struct a_call){ .config = refund,
			.parameters = refund_parameters,
			.customer = "ada",
			.key = i == 3 ? "turn-2" : "turn-1",
			.arguments = "{\"id\":\"FW-1\",\"cents\":300}" };
	}
	open_place(p, world_sim(1), shop);
	calls(p, c, 2, false);
	/* The process died before anybody heard of it; another asks again. */
	close_place(p);
	open_place(p, world_sim(2), shop);
	calls(p, c + 2, 2, false);
	for (int i = 0; i < 3; i++)
		is_ok(&c[i], "{\"id\":\"FW-1\",\"refunded\":300}");
	is_ok(&c[3], "{\"id\":\"FW-1\",\"refunded\":600}");
	assert_int_equal(count(p, "SELECT refunded FROM orders WHERE id = 'FW-1'"), 600);
	assert_int_equal(count(p, "SELECT count(*) FROM frontdesk_calls"), 2);
	assert_int_equal(count(p, "SELECT count(*) FROM log"), 2);
}

static void a_write_that_is_refused_leaves_nothing_behind(void **state)
{
	static const char second_fails[] =
	    "{\"query\":[\"INSERT INTO log VALUES ('a')\","
	    "\"INSERT INTO orders (id, customer_id, cents) VALUES ('FW-1', 'x', 1)\"]}";
	static const char too_large[] =
	    "{\"query\":\"INSERT INTO log VALUES (printf('%.50000c', 'x')) RETURNING entry\"}";
	struct place *p = *state;
	struct a_call c[] = {
		{ .config = refund,
		    .parameters = refund_parameters,
		    .customer = "ada",
		    .key = "1",
		    .arguments = "{\"id\":\"FW-2\",\"cents\":1600}" },
		{ .config = refund,
		    .parameters = refund_parameters,
		    .customer = "ada",
		    .key = "2",
		    .arguments = "{\"id\":\"FW-1\",\"cents\":1100}" },
		{ .config = second_fails, .key = "3" },
		{ .config = too_large, .key = "4" },
		{ .config = refund,
		    .parameters = refund_parameters,
		    .customer = "ada",
		    .key = "1",
		    .arguments = "{\"id\":\"FW-2\",\"cents\":1500}" },
	};

	open_place(p, world_sim(1), shop);
	calls(p, c, 5, false);
	is_failed(&c[0], "refunds above 15.00 are made by a person");
	assert_null(strchr(c[0].text + strlen(c[0].text) - 1, '.'));
	assert_false(c[0].result.retry);
	is_failed(&c[1], "the database does not allow it, and nothing was changed");
	is_failed(&c[2], "the database does not allow it, and nothing was changed");
	is_failed(&c[3], "one row alone is larger");
	/* The key of a failure is free. */
	is_ok(&c[4], "{\"id\":\"FW-2\",\"refunded\":1500}");
	assert_int_equal(count(p, "SELECT count(*) FROM log"), 1);
	assert_int_equal(count(p, "SELECT count(*) FROM frontdesk_calls"), 1);
}

static void no_reason_holds_sql_or_a_path(void **state)
{
	struct a_call c[] = {
		{ .config =
			"{\"query\":\"SELECT abs(-9223372036854775807 - 1) AS secret_column\"}" },
		{ .config =
			"{\"query\":\"INSERT INTO orders (id, customer_id) VALUES ('x', 'y')\"}",
		    .key = "1" },
		{ .config = "{\"query\":\"SELECT json_extract('{', '$.secret') AS x\"}" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 3, false);
	is_failed(&c[0], "the query cannot be run");
	is_failed(&c[1], "the database does not allow it");
	is_failed(&c[2], "the query cannot be run");
	for (size_t i = 0; i < array_len(c); i++) {
		assert_null(strstr(c[i].text, "secret"));
		assert_null(strstr(c[i].text, "orders"));
		assert_null(strstr(c[i].text, "/tmp"));
	}
}

static void a_write_cut_off_by_its_deadline_did_not_happen(void **state)
{
	static const char slow[] =
	    "{\"query\":[\"INSERT INTO log VALUES ('begun')\","
	    "\"INSERT INTO log WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
	    "SELECT sum(i) FROM n\"]}";
	struct place *p = *state;
	struct err e = { 0 };
	struct a_call c[] = {
		{ .config = slow, .key = "slow", .timeout_ms = 60 },
		{ .config = refund,
		    .parameters = refund_parameters,
		    .customer = "ada",
		    .key = "next",
		    .arguments = "{\"id\":\"FW-1\",\"cents\":1}" },
	};

	open_place(p, world_real(&e), shop);
	calls(p, c, 2, false);
	is_failed(&c[0], "it took longer than 0.06 s, and nothing was changed");
	assert_true(c[0].took_ms < 1000);
	is_ok(&c[1], "{\"id\":\"FW-1\",\"refunded\":1}");
	assert_int_equal(count(p, "SELECT count(*) FROM log WHERE entry = 'begun'"), 0);
	assert_int_equal(count(p, "SELECT count(*) FROM frontdesk_calls WHERE key = 'slow'"), 0);
}

static void a_locked_database_fails_at_the_deadline_and_may_be_tried_again(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct sqlite *holder;
	struct a_call c = { .config = refund,
		.parameters = refund_parameters,
		.customer = "ada",
		.key = "1",
		.timeout_ms = 80,
		.arguments = "{\"id\":\"FW-1\",\"cents\":1}" };

	open_place(p, world_real(&e), shop);
	holder = sqlite_open(p->file, SQLITE_WRITES, &e);
	assert_int_equal(sqlite_script(holder, "BEGIN IMMEDIATE", &e), 0);
	calls(p, &c, 1, false);
	sqlite_close(holder);
	is_failed(&c, "it took longer than 0.08 s, and nothing was changed");
	assert_true(c.result.retry);
	assert_true(c.took_ms < 1000);
}

/* A disk on which syncs of the write-ahead log fail from some moment on: the system's files with
 * one function exchanged. */
static atomic_bool disk_fails;

static int sync_or_fail(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return disk_fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int open_on_disk(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	static sqlite3_io_methods methods;
	sqlite3_vfs *system = vfs->pAppData;
	int rc = system->xOpen(system, name, file, flags, out_flags);

	if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
		return rc;
	methods = *file->pMethods;
	methods.xSync = sync_or_fail;
	file->pMethods = &methods;
	return SQLITE_OK;
}

static void a_commit_that_may_or_may_not_be_on_the_disk_is_unknown(void **state)
{
	struct place *p = *state;
	sqlite3_vfs *system = sqlite3_vfs_find(NULL), disk = *system;
	struct a_call c = { .config = refund,
		.parameters = refund_parameters,
		.customer = "ada",
		.key = "1",
		.arguments = "{\"id\":\"FW-1\",\"cents\":1}" };

	disk.zName = "failing";
	disk.pAppData = system;
	disk.xOpen = open_on_disk;
	sqlite3_vfs_register(&disk, 1);
	open_place(p, world_sim(1), shop);
	disk_fails = true;
	calls(p, &c, 1, false);
	disk_fails = false;
	close_place(p);
	sqlite3_vfs_unregister(&disk);
	sqlite3_vfs_register(system, 1);
	assert_int_equal(c.result.status, TOOL_UNKNOWN);
	assert_string_equal(c.text, "it is not known whether the change was made");
}

static void a_commit_that_is_refused_had_no_effect(void **state)
{
	static const char init[] =
	    "CREATE TABLE customers (id TEXT PRIMARY KEY);"
	    "CREATE TABLE orders (id TEXT, customer_id TEXT REFERENCES customers (id)"
	    "  DEFERRABLE INITIALLY DEFERRED);";
	struct place *p = *state;
	struct a_call c[] = {
		{ .config = "{\"query\":\"INSERT INTO orders VALUES ('FW-1', 'nobody')\"}",
		    .key = "1" },
		{ .config = "{\"query\":\"INSERT INTO customers VALUES ('ada')\"}", .key = "1" },
	};

	open_place(p, world_sim(1), init);
	calls(p, c, 2, false);
	is_failed(&c[0], "the database does not allow it, and nothing was changed");
	is_ok(&c[1], "{\"changed\":1}");
	assert_int_equal(count(p, "SELECT count(*) FROM orders"), 0);
}

static void writes_at_once_are_made_one_after_another(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct a_call c[20];

	for (int i = 0; i < 20; i++) {
		c[i] = (struct a_call){ .config = refund,
			.parameters = refund_parameters,
			.customer = "ada",
			.key = arena_printf(p->mem, "%d", i / 2),
			.arguments = "{\"id\":\"FW-1\",\"cents\":7}" };
	}
	open_place(p, world_real(&e), shop);
	calls(p, c, 20, true);
	for (int i = 0; i < 20; i++)
		assert_int_equal(c[i].result.status, TOOL_OK);
	for (int i = 0; i < 20; i += 2)
		assert_string_equal(c[i].text, c[i + 1].text);
	assert_int_equal(count(p, "SELECT refunded FROM orders WHERE id = 'FW-1'"), 70);
	assert_int_equal(count(p, "SELECT count(*) FROM frontdesk_calls"), 10);
}

static void a_write_without_returned_rows_tells_how_many_it_changed(void **state)
{
	struct a_call c[] = {
		{ .config = "{\"query\":\"UPDATE orders SET refunded = 1\"}", .key = "1" },
		{ .config = "{\"query\":[\"INSERT INTO log VALUES ('x')\","
			    "\"SELECT count(*) AS entries FROM log\"],\"rows\":\"one\"}",
		    .key = "2" },
		{ .config = "{\"query\":\"DELETE FROM log RETURNING entry\"}", .key = "3" },
	};

	open_place(*state, world_sim(1), shop);
	calls(*state, c, 3, false);
	is_ok(&c[0], "{\"changed\":3}");
	is_ok(&c[1], "{\"entries\":1}");
	is_ok(&c[2], "{\"rows\":[{\"entry\":\"x\"}],\"truncated\":false}");
}

/* SQLite would take the old -wal for the new file's own. */
static void a_database_that_was_deleted_is_made_anew_whatever_a_crash_left_beside_it(void **state)
{
	struct place *p = *state;
	char wal[120], kept[120], command[260];
	struct a_call c = { .config = "{\"query\":\"UPDATE orders SET refunded = 1\"}",
		.key = "1" };

	snprintf(wal, sizeof(wal), "%s-wal", p->file);
	snprintf(kept, sizeof(kept), "%s-kept", p->file);
	open_place(p, world_sim(1), shop);
	calls(p, &c, 1, false);
	snprintf(command, sizeof(command), "cp %s %s", wal, kept);
	assert_int_equal(system(command), 0);
	close_place(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(rename(kept, wal), 0);
	open_place(p, world_sim(1), shop);
	assert_int_equal(count(p, "SELECT count(*) FROM orders WHERE refunded > 0"), 0);
	assert_int_equal(count(p, "SELECT count(*) FROM frontdesk_calls"), 0);
}

static void chance_in_time_changes_no_outcome(void **state)
{
	struct place *p = *state;
	int made = 0, in_vain = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct a_call c[6];

		for (int i = 0; i < 6; i++) {
			c[i] = (struct a_call){ .config = refund,
				.parameters = refund_parameters,
				.customer = "bob",
				.key = arena_printf(p->mem, "%d-%d", (int)seed, i),
				.timeout_ms = 15,
				.arguments = "{\"id\":\"FW-3\",\"cents\":1}" };
		}
		open_place(p, world_sim(seed), shop);
		world_sim_jitter(p->world, 10);
		calls(p, c, 6, true);
		close_place(p);
		for (int i = 0; i < 6; i++) {
			const char *sql = arena_printf(p->mem,
			    "SELECT count(*) FROM frontdesk_calls WHERE key = '%s'", c[i].key);

			assert_int_equal(count(p, sql), c[i].result.status == TOOL_OK);
			made += c[i].result.status == TOOL_OK;
			in_vain += c[i].result.status == TOOL_FAILED;
		}
	}
	assert_int_equal(count(p, "SELECT refunded FROM orders WHERE id = 'FW-3'"), made);
	assert_true(made > 20 && in_vain > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_argument_left_out_is_null_and_the_customer_is_the_servers),
		TEST(anothers_order_reads_like_one_that_does_not_exist),
		TEST(without_a_customer_the_call_is_refused),
		TEST(what_an_argument_says_is_never_sql),
		TEST(values_keep_their_types),
		TEST(what_json_cannot_hold_is_refused_with_words),
		TEST(rows_and_bytes_are_bounded),
		TEST(a_query_that_runs_away_ends_at_its_deadline),
		TEST(reads_run_side_by_side),
		TEST(the_same_key_again_is_the_same_write),
		TEST(a_write_that_is_refused_leaves_nothing_behind),
		TEST(no_reason_holds_sql_or_a_path),
		TEST(a_write_cut_off_by_its_deadline_did_not_happen),
		TEST(a_locked_database_fails_at_the_deadline_and_may_be_tried_again),
		TEST(a_commit_that_may_or_may_not_be_on_the_disk_is_unknown),
		TEST(a_commit_that_is_refused_had_no_effect),
		TEST(writes_at_once_are_made_one_after_another),
		TEST(a_write_without_returned_rows_tells_how_many_it_changed),
		TEST(a_database_that_was_deleted_is_made_anew_whatever_a_crash_left_beside_it),
		TEST(chance_in_time_changes_no_outcome),
	};

	log_level(LOG_ERROR);
	return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
