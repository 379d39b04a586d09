#include "base/text.h"
#include "tests/tool/calls.h"

/* What is said of a mistake in an sql entry, and what is made of a database. */

static const char shop[] = "CREATE TABLE orders (id TEXT PRIMARY KEY, customer_id TEXT);\n"
			   "CREATE VIEW refundable AS SELECT id FROM orders;\n"
			   "INSERT INTO orders VALUES ('FW-1', 'ada');\n";

struct mistake {
	enum effect effect;
	const char *config, *pointer;
	int offset;
	const char *words;
};

static void every_mistake_says_where_it_is(void **state)
{
	static const struct mistake mistakes[] = {
		{ EFFECT_READ, "{\"query\":\"SELECT nix FROM orders\"}", "/query", 7,
		    "no such column: nix" },
		{ EFFECT_READ, "{\"query\":\"SELECT id,\\n  nix\\nFROM orders\"}", "/query", 13,
		    "no such column: nix" },
		{ EFFECT_READ,
		    "{\"query\":\"SELECT id FROM orders WHERE customer_id = :customer.id\\n"
		    "AND id = :order_id AND :order_id > nix\"}",
		    "/query", 90, "no such column: nix" },
		{ EFFECT_READ, "{\"query\":\"SELEC id FROM orders\"}", "/query", 0,
		    "syntax error" },
		{ EFFECT_READ, "{\"query\":\"SELECT id FROM ordrs\"}", "/query", -1,
		    "no such table: ordrs" },
		{ EFFECT_READ, "{\"query\":\"SELECT id FROM orders WHERE id = :oder_id\"}",
		    "/query", 33, ":oder_id is not among the parameters" },
		{ EFFECT_READ, "{\"query\":\"SELECT :customer.password\"}", "/query", 7,
		    "no such field of the customer: customer.password" },
		{ EFFECT_READ, "{\"query\":\"SELECT id FROM orders WHERE id = ?\"}", "/query", 33,
		    "a parameter is written :name" },
		{ EFFECT_READ, "{\"query\":\"\"}", "/query", -1, "no statement" },
		{ EFFECT_READ, "{\"query\":\"SELECT 1; SELECT 2\"}", "/query", 10,
		    "more than one statement" },
		{ EFFECT_READ, "{\"query\":[\"SELECT 1\"]}", "/query", -1, "effect: write" },
		{ EFFECT_READ, "{\"query\":\"SELECT id, 1 AS id FROM orders\"}", "/query", -1,
		    "two columns are named id" },
		{ EFFECT_READ, "{\"query\":\"INSERT INTO orders VALUES ('x', 'y')\"}", "/query", -1,
		    "INSERT (of orders) is not allowed here: the connection only reads" },
		{ EFFECT_READ,
		    "{\"query\":\"WITH x AS (SELECT 1) INSERT INTO orders SELECT 'x', 'y' "
		    "RETURNING id\"}",
		    "/query", -1, "INSERT" },
		{ EFFECT_READ, "{\"query\":\"DELETE FROM orders RETURNING id\"}", "/query", -1,
		    "DELETE" },
		{ EFFECT_READ, "{\"query\":\"PRAGMA table_info(orders)\"}", "/query", -1,
		    "PRAGMA" },
		{ EFFECT_READ, "{\"query\":\"ATTACH 'x.db' AS x\"}", "/query", -1, "ATTACH" },
		{ EFFECT_READ, "{\"query\":\"SELECT load_extension('x')\"}", "/query", 7,
		    "load_extension" },
		{ EFFECT_READ, "{\"query\":\"BEGIN\"}", "/query", -1, "BEGIN" },
		{ EFFECT_WRITE, "{\"query\":\"SELECT id FROM orders\"}", "/query", -1,
		    "changes nothing" },
		{ EFFECT_WRITE, "{\"query\":[\"DELETE FROM orders\",\"DELETE FROM nix\"]}",
		    "/query/1", -1, "no such table: nix" },
		{ EFFECT_WRITE, "{\"query\":[\"DELETE FROM orders\",7]}", "/query", -1,
		    "a string" },
		{ EFFECT_WRITE, "{\"query\":[\"DELETE FROM orders\",\"COMMIT\"]}", "/query/1", -1,
		    "the server keeps the transaction" },
		{ EFFECT_WRITE, "{\"query\":[\"SAVEPOINT x\"]}", "/query/0", -1, "SAVEPOINT" },
		{ EFFECT_WRITE, "{\"query\":\"DROP TABLE orders\"}", "/query", -1,
		    "only rows may be changed" },
		{ EFFECT_WRITE, "{\"query\":\"DELETE FROM orders\",\"rows\":\"one\"}", "/rows", -1,
		    "RETURNING" },
	};
	struct place *p = *state;

	open_place(p, world_sim(1), shop);
	for (size_t i = 0; i < array_len(mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		struct tool_mistake where;
		struct err e = { 0 };
		void *impl = NULL;

		if (sql_tool_new(p->db, parsed(p, m->config),
			parsed(p, "{\"properties\":{\"order_id\":{}}}"), m->effect, &impl, &where,
			&e) == 0)
			fail_msg("taken: %s", m->config);
		assert_int_equal(e.code, ERR_INVALID);
		if (!strstr(e.msg, m->words) || strstr(e.msg, "at byte"))
			fail_msg("%s: %s", m->config, e.msg);
		if (strcmp(where.pointer, m->pointer) != 0 || where.offset != m->offset)
			fail_msg("%s: %s at %s %d", m->config, e.msg, where.pointer, where.offset);
	}
}

static void a_kind_finds_its_database_by_name(void **state)
{
	struct place *p = *state;
	const struct tool_kind *kind = tool_kind_find("sql");
	struct tool_sources from = { 0 };
	struct tool_mistake where;
	struct err e = { 0 };
	void *impl = NULL;
	const json_t *none;

	open_place(p, world_sim(1), shop);
	from = (struct tool_sources){ .databases = &p->db, .ndatabases = 1 };
	none = parsed(p, "{}");
	assert_int_equal(
	    kind->make(&from,
		parsed(p, "{\"database\":\"shop\",\"query\":\"SELECT id FROM refundable\"}"), none,
		EFFECT_READ, &impl, &where, &e),
	    0);
	kind->free(impl);
	assert_int_equal(
	    kind->make(&from, parsed(p, "{\"database\":\"crm\",\"query\":\"SELECT 1\"}"), none,
		EFFECT_READ, &impl, &where, &e),
	    -1);
	assert_string_equal(where.pointer, "/database");
	assert_non_null(strstr(e.msg, "no database crm"));
	assert_null(tool_kind_find("smoke_signal"));
	assert_non_null(parsed(p, kind->schema));
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_database_is_made_once_and_then_left_alone(void **state)
{
	struct place *p = *state;
	struct a_call c = { .config = "{\"query\":\"SELECT count(*) AS n FROM orders\"}" };

	open_place(p, world_sim(1), shop);
	close_place(p);
	open_place(p, world_sim(1), "this is no SQL, and nobody reads it");
	calls(p, &c, 1, false);
	is_ok(&c, "{\"rows\":[{\"n\":1}],\"truncated\":false}");
}

static void a_script_that_fails_leaves_no_database(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	char draft[128];

	use_world(p, world_sim(1));
	assert_null(sql_database_open(p->world, "shop", p->file,
	    "CREATE TABLE a (b);\nINSERT INTO a VALUES (1);\nINSERT INTO c VALUES (1);\n", &e));
	assert_non_null(strstr(e.msg, "database shop: the init script: line 3: no such table: c"));
	assert_int_not_equal(access(p->file, F_OK), 0);
	snprintf(draft, sizeof(draft), "%s.new", p->file);
	assert_int_not_equal(access(draft, F_OK), 0);
	assert_null(sql_database_open(p->world, "shop", p->file, "BEGIN; CREATE TABLE a (b);", &e));
	assert_non_null(strstr(e.msg, "transaction open"));
	assert_null(sql_database_open(p->world, "shop", p->file, NULL, &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "no init script"));
}

static void what_a_crash_left_half_made_is_made_anew(void **state)
{
	struct place *p = *state;
	struct a_call c = { .config = "{\"query\":\"SELECT count(*) AS n FROM orders\"}" };
	char draft[128];

	snprintf(draft, sizeof(draft), "%s.new", p->file);
	write_file(draft, "half a database");
	open_place(p, world_sim(1), shop);
	calls(p, &c, 1, false);
	is_ok(&c, "{\"rows\":[{\"n\":1}],\"truncated\":false}");
	assert_int_not_equal(access(draft, F_OK), 0);
}

static void a_foreign_database_without_the_table_takes_no_writes(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct sqlite *theirs = sqlite_open(p->file, SQLITE_LOG, &e);
	struct tool_mistake where;
	void *impl = NULL;
	const char *ddl;

	assert_int_equal(sqlite_script(theirs, shop, &e), 0);
	open_place(p, world_sim(1), NULL);
	assert_int_equal(sql_tool_new(p->db, parsed(p, "{\"query\":\"SELECT id FROM orders\"}"),
			     parsed(p, "{}"), EFFECT_READ, &impl, &where, &e),
	    0);
	sql_tool_kind.free(impl);
	assert_int_equal(sql_tool_new(p->db, parsed(p, "{\"query\":\"DELETE FROM orders\"}"),
			     parsed(p, "{}"), EFFECT_WRITE, &impl, &where, &e),
	    -1);
	assert_string_equal(where.pointer, "/database");
	/* What the message says is what helps. */
	ddl = strstr(e.msg, "CREATE TABLE");
	assert_non_null(ddl);
	assert_int_equal(sqlite_script(theirs, arena_strdup(p->mem, ddl), &e), 0);
	sqlite_close(theirs);
	assert_int_equal(sql_tool_new(p->db, parsed(p, "{\"query\":\"DELETE FROM orders\"}"),
			     parsed(p, "{}"), EFFECT_WRITE, &impl, &where, &e),
	    0);
	sql_tool_kind.free(impl);
}

static void what_is_no_database_stops_the_start(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };

	write_file(p->file, "id,customer\nFW-1,ada\n");
	use_world(p, world_sim(1));
	assert_null(sql_database_open(p->world, "shop", p->file, shop, &e));
	assert_non_null(strstr(e.msg, "not a database"));
}

static void a_tool_is_found_by_its_name(void **state)
{
	struct tool tools[] = { { .name = "lookup_order" }, { .name = "initiate_refund" } };
	struct toolbox box = { tools, 2 };

	(void)state;
	assert_ptr_equal(toolbox_find(&box, "initiate_refund"), &tools[1]);
	assert_null(toolbox_find(&box, "lookup"));
	assert_null(toolbox_find(&box, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_mistake_says_where_it_is),
		TEST(a_kind_finds_its_database_by_name),
		TEST(a_database_is_made_once_and_then_left_alone),
		TEST(a_script_that_fails_leaves_no_database),
		TEST(what_a_crash_left_half_made_is_made_anew),
		TEST(a_foreign_database_without_the_table_takes_no_writes),
		TEST(what_is_no_database_stops_the_start),
		TEST(a_tool_is_found_by_its_name),
	};

	log_level(LOG_ERROR);
	return cmocka_run_group_tests_name("sql configuration", tests, NULL, NULL);
}
