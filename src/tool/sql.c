#include "tool/sql.h"

#include "base/mem.h"
#include "base/text.h"
#include "tool/names.h"
#include "tool/sql_tool.h"

#include <stdio.h>
#include <string.h>

/* Checks an sql entry when the configuration is loaded: each statement is compiled by the database
 * on the very kind of connection that it will run on. */

static const char schema[] =
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"database\", "
    "\"query\"],"
    " \"properties\": {"
    "  \"database\": {\"type\": \"string\"},"
    "  \"query\": {\"anyOf\": [{\"type\": \"string\"},"
    "   {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 20, \"items\": {\"type\": "
    "\"string\"}}]},"
    "  \"rows\": {\"enum\": [\"one\", \"many\"]},"
    "  \"limits\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
    "   \"rows\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 10000},"
    "   \"bytes\": {\"type\": \"integer\", \"minimum\": 100, \"maximum\": 1048576}}}}}";

static int check_names(const struct sql_tool *tool, const struct sql_statement *s,
    const json_t *parameters, struct tool_mistake *where, struct err *e)
{
	for (int i = 0; i < s->query.n; i++) {
		const char *name = s->query.names[i];

		if (names_check(parameters, name, arena_printf(tool->mem, ":%s", name), e) == 0)
			continue;
		where->offset = (int)s->query.places[i];
		return -1;
	}
	return 0;
}

static int compile(const struct sql_tool *tool, struct sql_statement *s, struct sqlite *c,
    const json_t *parameters, struct tool_mistake *where, struct err *e)
{
	size_t wrong = 0;

	if (placeholders_read(tool->mem, s->text, &s->query, &wrong, e) < 0) {
		where->offset = (int)wrong;
		return -1;
	}
	if (check_names(tool, s, parameters, where, e) < 0)
		return -1;
	if (sqlite_check(c, s->query.sql, &s->shape, &where->offset, e) < 0)
		return -1;
	if (s->shape.twice[0] != '\0')
		return err_set(e, ERR_INVALID,
		    "two columns are named %s; give one another name with AS", s->shape.twice);
	return 0;
}

static int compile_all(const struct sql_tool *tool, const json_t *parameters,
    struct tool_mistake *where, struct err *e)
{
	struct sqlite *c = sql_database_take(tool->database, tool->write, e);
	bool list = strcmp(where->pointer, "/query/0") == 0;
	int rc = 0;

	if (!c)
		return -1;
	for (int i = 0; i < tool->n && rc == 0; i++) {
		if (list)
			snprintf(where->pointer, sizeof(where->pointer), "/query/%d", i);
		rc = compile(tool, &tool->statements[i], c, parameters, where, e);
	}
	sql_database_give(tool->database, tool->write, c);
	return rc;
}

static int read_statements(
    struct sql_tool *tool, const json_t *query, struct tool_mistake *where, struct err *e)
{
	bool list = json_is_array(query);

	tool->n = list ? (int)json_array_size(query) : 1;
	tool->statements = arena_array(tool->mem, struct sql_statement, tool->n);
	if (list && !tool->write)
		return err_set(
		    e, ERR_INVALID, "a list of statements is for a tool with effect: write");
	for (int i = 0; i < tool->n; i++) {
		const json_t *text = list ? json_array_get(query, (size_t)i) : query;

		if (!json_is_string(text))
			return err_set(e, ERR_INVALID, "expected a query, a string");
		tool->statements[i].text = arena_strdup(tool->mem, json_string_value(text));
	}
	if (list)
		snprintf(where->pointer, sizeof(where->pointer), "/query/0");
	return 0;
}

/* What the statements must be taken together, once each of them compiles. */
static int check_whole(struct sql_tool *tool, struct tool_mistake *where, struct err *e)
{
	bool changes = false;

	snprintf(where->pointer, sizeof(where->pointer), "/query");
	tool->answer = -1;
	for (int i = 0; i < tool->n; i++) {
		changes = changes || !tool->statements[i].shape.reads;
		if (tool->statements[i].shape.ncolumns > 0)
			tool->answer = i;
	}
	if (!tool->write && changes)
		return err_set(e, ERR_INVALID,
		    "the query changes the database, and the tool has no effect: write");
	if (tool->write && !changes)
		return err_set(
		    e, ERR_INVALID, "the tool has effect: write, and its query changes nothing");
	if (!tool->write && tool->answer < 0)
		return err_set(e, ERR_INVALID, "the query returns no rows");
	if (tool->one && tool->answer < 0) {
		snprintf(where->pointer, sizeof(where->pointer), "/rows");
		return err_set(e, ERR_INVALID,
		    "rows: one, and no statement of the query returns rows (RETURNING)");
	}
	return 0;
}

static int check(struct sql_tool *tool, const json_t *config, const json_t *parameters,
    struct tool_mistake *where, struct err *e)
{
	const json_t *limits = json_object_get(config, "limits");

	tool->one = text_is(json_str(config, "rows"), "one");
	tool->max_rows = (int)json_int(limits, "rows", 50);
	tool->max_bytes = (size_t)json_int(limits, "bytes", 32768);
	if (tool->write && sql_database_takes_writes(tool->database, e) < 0) {
		snprintf(where->pointer, sizeof(where->pointer), "/database");
		return -1;
	}
	snprintf(where->pointer, sizeof(where->pointer), "/query");
	if (read_statements(tool, json_object_get(config, "query"), where, e) < 0 ||
	    compile_all(tool, parameters, where, e) < 0 || check_whole(tool, where, e) < 0)
		return -1;
	return 0;
}

int sql_tool_new(struct sql_database *d, const json_t *config, const json_t *parameters,
    enum effect effect, void **impl, struct tool_mistake *where, struct err *e)
{
	struct arena *mem = arena_new();
	struct sql_tool *tool = arena_new_of(mem, struct sql_tool);
	struct tool_mistake ignored;

	if (!where)
		where = &ignored;
	*where = (struct tool_mistake){ .offset = -1 };
	*tool = (struct sql_tool){ .mem = mem, .database = d, .write = effect == EFFECT_WRITE };
	if (check(tool, config, parameters, where, e) < 0) {
		arena_free(mem);
		return -1;
	}
	*impl = tool;
	return 0;
}

static int make(const struct tool_sources *from, const json_t *config, const json_t *parameters,
    enum effect effect, void **impl, struct tool_mistake *where, struct err *e)
{
	const char *name = json_str_or(config, "database", "");

	for (int i = 0; i < from->ndatabases; i++) {
		if (text_is(sql_database_name(from->databases[i]), name))
			return sql_tool_new(
			    from->databases[i], config, parameters, effect, impl, where, e);
	}
	*where = (struct tool_mistake){ .pointer = "/database", .offset = -1 };
	return err_set(e, ERR_INVALID, "there is no database %s under `databases`", name);
}

static bool asks_for_customer(const json_t *config)
{
	json_t *query = json_object_get(config, "query"), *one;
	size_t i;

	if (json_is_string(query))
		return strstr(json_string_value(query), ":customer.");
	json_array_foreach (query, i, one) {
		if (json_is_string(one) && strstr(json_string_value(one), ":customer."))
			return true;
	}
	return false;
}

static const char *where_it_goes(const struct tool *t, struct arena *mem)
{
	const struct sql_tool *tool = t->impl;

	return arena_printf(mem, "sql %s", sql_database_name(tool->database));
}

static void sql_tool_free(void *impl)
{
	struct sql_tool *tool = impl;

	arena_free(tool->mem);
}

const struct tool_kind sql_tool_kind = {
	.name = "sql",
	.repeatable = true, /* the key is committed with the effect */
	.schema = schema,
	.asks_for_customer = asks_for_customer,
	.make = make,
	.where = where_it_goes,
	.run = sql_call,
	.free = sql_tool_free,
};
