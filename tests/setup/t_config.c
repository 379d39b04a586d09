/* Broken agent folders, and every line that is said about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "setup/agent_setup.h"
#include "tests/setup/folder.h"

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is wrong is made by one replacement in the good folder of folder.c. */
struct row {
	const char *file, *find, *put, *want;
};

static void check_in(struct folder *f, const struct row *row)
{
	struct arena *mem = arena_new();
	const char *said;

	folder_replace(f, row->file, row->find, row->put);
	said = folder_mistakes(f, mem);
	if (strcmp(said, row->want) != 0)
		fprintf(stderr, "with %s:\n", row->put);
	assert_string_equal(said, row->want);
	arena_free(mem);
}

static void check_row(const struct row *row)
{
	struct folder f = folder_good();

	check_in(&f, row);
	folder_remove(&f);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

static void the_good_folder_has_no_mistake(void **state)
{
	(void)state;
	check_row(&(struct row){ "agent.yaml", "name: Shop", "name: Other", "" });
}

static void a_wrong_shape_is_named_with_its_place(void **state)
{
	static const struct row rows[] = {
		{ "agent.yaml", "name: Shop", "nmae: Shop",
		    "agent.yaml:1:1: missing \"name\"\n"
		    "agent.yaml:1:1: nmae: unknown key \"nmae\"; did you mean \"name\"?\n" },
		{ "agent.yaml", "name: Shop", "name: 7",
		    "agent.yaml:1:1: name: expected string, got integer\n" },
		{ "agent.yaml", "currency: EUR", "currency: euro",
		    "agent.yaml:2:1: currency: does not match the pattern ^[A-Z]{3}$\n" },
		{ "agent.yaml", "currency: EUR", "currency: EUX",
		    "agent.yaml:2:1: currency: there is no currency EUX (ISO 4217)\n" },
		{ "agent.yaml", "effect: write", "effect: wirte",
		    "agent.yaml:22:5: tools.refund.effect: expected one of \"read\", \"write\"; "
		    "did "
		    "you mean \"write\"?\n" },
		{ "agent.yaml", "description: Orders.", "descripton: Orders.",
		    "agent.yaml:9:3: tools.lookup_order: missing \"description\"\n"
		    "agent.yaml:10:5: tools.lookup_order.descripton: unknown key \"descripton\"; "
		    "did "
		    "you mean \"description\"?\n" },
		{ "agent.yaml", "steps: 5", "steps: 0",
		    "agent.yaml:31:11: limits.steps: expected at least 1\n" },
		{ "agent.yaml", "steps: 5", "parallel: 33",
		    "agent.yaml:31:11: limits.parallel: expected at most 32\n" },
		{ "agent.yaml", "steps: 5", "context_tokens: 1999",
		    "agent.yaml:31:11: limits.context_tokens: expected at least 2000\n" },
		{ "agent.yaml", "steps: 5", "turn_seconds: 9",
		    "agent.yaml:9:3: tools.lookup_order.timeout: is longer than a whole turn may "
		    "take (limits.turn_seconds)\n"
		    "agent.yaml:18:3: tools.refund.timeout: is longer than a whole turn may take "
		    "(limits.turn_seconds)\n" },
		{ "agent.yaml", "lookup_order:", "look up:",
		    "agent.yaml:9:3: tools.look up: does not match the pattern "
		    "^[A-Za-z0-9_-]{1,64}$\n"
		    "agent.yaml:27:13: customer.profile: there is no tool \"lookup_order\"\n" },
		{ "agent.yaml", "demo: [demo-1, demo-2]", "demo: [1, demo-2, demo-2]",
		    "agent.yaml:33:1: demo: items 2 and 3 are the same\n"
		    "agent.yaml:33:8: demo[0]: expected string, got integer\n" },
		{ "intents.yaml", "examples: [refund me, money back]", "examples: []",
		    "intents.yaml:3:13: intents.refund.examples: expected at least 1 item, got "
		    "0\n" },
		{ "intents.yaml", "  refund:", "  Refund!:",
		    "agent.yaml:30:14: escalation.intents.refund: there is no intent \"refund\" in "
		    "intents.yaml; did you mean \"Refund!\"?\n"
		    "intents.yaml:3:3: intents.Refund!: does not match the pattern "
		    "^[a-z][a-z0-9_]{0,63}$\n" },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

static void what_sections_say_of_each_other_is_checked(void **state)
{
	static const struct row rows[] = {
		{ "agent.yaml", "profile: lookup_order", "profile: lookup_ordre",
		    "agent.yaml:27:13: customer.profile: there is no tool \"lookup_ordre\"; did "
		    "you "
		    "mean \"lookup_order\"?\n" },
		{ "agent.yaml", "profile: lookup_order", "profile: refund",
		    "agent.yaml:27:13: customer.profile: refund needs arguments, and the profile "
		    "is "
		    "looked up without any\n"
		    "agent.yaml:27:13: customer.profile: refund writes, and the profile is only "
		    "looked up\n" },
		{ "agent.yaml", "database: shop, query: \"SELECT",
		    "database: shpo, query: \"SELECT",
		    "agent.yaml:13:12: tools.lookup_order.sql.database: there is no database "
		    "\"shpo\"; did you mean \"shop\"?\n" },
		{ "agent.yaml", "refund: handoff", "refnud: handoff",
		    "agent.yaml:30:14: escalation.intents.refnud: there is no intent \"refnud\" in "
		    "intents.yaml; did you mean \"refund\"?\n" },
		{ "agent.yaml", "refund: handoff", "refund: escalate",
		    "agent.yaml:30:14: escalation.intents.refund: expected one of \"handoff\", "
		    "\"review\"\n" },
		{ "agent.yaml", "sqlite:shop.db", "sqlite:frontdesk.db",
		    "agent.yaml:6:11: databases.shop.url: this file is the store; a database of "
		    "yours needs its own\n" },
		{ "agent.yaml", "init: shop.sql", "init: shop.slq",
		    "agent.yaml:6:32: databases.shop.init: shop.slq cannot be read: No such file "
		    "or "
		    "directory\n" },
		{ "agent.yaml", "sqlite:shop.db", "mysql:shop",
		    "agent.yaml:6:11: databases.shop.url: expected sqlite:FILE\n" },
		{ "agent.yaml", "refund:\n    description", "escalate_to_human:\n    description",
		    "agent.yaml:18:3: tools.escalate_to_human: a tool of this name is built in; "
		    "choose another name\n" },
		{ "agent.yaml", "    identity: email\n", "    identity: anonymous\n",
		    "agent.yaml:12:5: tools.lookup_order.identity: the tool asks for the "
		    "customer, so "
		    "it needs one: email or verified\n" },
		{ "agent.yaml", "effect: write", "timeout: 10 seconds\n    effect: write",
		    "agent.yaml:22:5: tools.refund.timeout: expected a time of at most 120 s, such "
		    "as 5s or 500ms\n" },
		{ "agent.yaml", "effect: write", "timeout: 3m\n    effect: write",
		    "agent.yaml:22:5: tools.refund.timeout: expected a time of at most 120 s, such "
		    "as 5s or 500ms\n" },
		{ "agent.yaml", "FW-[0-9]{4,}", "FW-([0-9]{4,}",
		    "agent.yaml:32:13: patterns.order_id: pattern \"FW-([0-9]{4,}\" at 14: missing "
		    "closing parenthesis\n" },
		{ "agent.yaml", "FW-[0-9]{4,}", "[0-9]*",
		    "agent.yaml:32:13: patterns.order_id: matches the empty text, and so "
		    "everything\n" },
		{ "intents.yaml", "none: [hello]", "none: [money back, hello, hello]",
		    "intents.yaml:4:8: none[0]: the same example is in \"refund\": it can teach "
		    "only "
		    "one of the two\n"
		    "intents.yaml:4:27: none[2]: the same example is here twice\n" },
		{ "agent.yaml", "scripted:talk.yaml", "scripted:walk.yaml",
		    "agent.yaml:4:3: models.main: there is no file walk.yaml\n" },
		{ "agent.yaml", "scripted:talk.yaml", "bulitin",
		    "agent.yaml:4:3: models.main: expected PROVIDER/MODEL, builtin or "
		    "scripted:FILE; did you mean \"builtin\"?\n" },
		{ "talk.yaml", "text: hello", "txet: hello",
		    "talk.yaml:2:5: steps[0].txet: unknown key \"txet\"; did you mean "
		    "\"text\"?\n" },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

static void parameters_in_the_short_form_are_a_schema(void **state)
{
	static const struct row rows[] = {
		{ "agent.yaml", "order_id?: { type: string }", "order_id?: { type: strnig }",
		    "agent.yaml:11:32: tools.lookup_order.parameters.order_id?.type: expected one "
		    "of "
		    "object, array, string, integer, number, boolean, null\n" },
		{ "agent.yaml", "order_id?: { type: string }", "order-id?: { type: string }",
		    "agent.yaml:11:19: tools.lookup_order.parameters.order-id?: does not match the "
		    "pattern ^[A-Za-z_][A-Za-z0-9_]{0,63}[?]?$\n" },
		{ "agent.yaml", "order_id?: { type: string }",
		    "order_id?: { type: string, minimun: 1 }, order_id: {}",
		    "agent.yaml:11:46: tools.lookup_order.parameters.order_id?.minimun: this "
		    "keyword "
		    "of JSON Schema is not supported\n"
		    "agent.yaml:11:60: tools.lookup_order.parameters.order_id: the parameter "
		    "\"order_id\" is here twice\n" },
		{ "agent.yaml", "order_id?: { type: string }",
		    "order_id?: { type: string }, customer?: {}",
		    "agent.yaml:11:48: tools.lookup_order.parameters.customer?: \"customer\" is "
		    "what "
		    "the server knows of the customer; choose another name\n" },
		{ "agent.yaml", "order_id?: { type: string }", "order_id?: string",
		    "agent.yaml:11:19: tools.lookup_order.parameters.order_id?: expected object, "
		    "got "
		    "string\n" },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

static void sql_that_does_not_compile_has_its_place_in_the_file(void **state)
{
	static const struct row rows[] = {
		{ "agent.yaml", "SELECT id, cents", "SELECT id, cnets",
		    "agent.yaml:13:47: tools.lookup_order.sql.query: no such column: cnets\n" },
		{ "agent.yaml", "WHERE customer_id = :customer.id",
		    "WHERE customer_id = :customer.uid",
		    "agent.yaml:14:27: tools.lookup_order.sql.query: no such field of the "
		    "customer: "
		    "customer.uid (there are customer.id, .name, .email and .tier)\n" },
		{ "agent.yaml", "OR id = :order_id", "OR id = :ordr_id",
		    "agent.yaml:15:38: tools.lookup_order.sql.query: :ordr_id is not among the "
		    "parameters of the tool; did you mean \"order_id\"?\n" },
		{ "agent.yaml", "UPDATE orders SET refunded", "UPDATE orders SET refudned",
		    "agent.yaml:25:7: tools.refund.sql.query: no such column: refudned\n" },
		{ "agent.yaml", "UPDATE orders SET refunded = 1 WHERE",
		    "SELECT 1 FROM orders WHERE",
		    "agent.yaml:25:7: tools.refund.sql.query: the tool has effect: write, and its "
		    "query changes nothing\n" },
		{ "shop.sql", "CREATE TABLE orders (", "CREATE TABLE orders",
		    "agent.yaml:6:3: databases.shop: the init script: line 1: near \"TEXT\": "
		    "syntax error (at byte 22)\n" },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

static void instructions_that_leave_no_room_for_a_conversation_are_a_mistake(void **state)
{
	struct folder f = folder_good();
	char prompt[4001];

	(void)state;
	memset(prompt, 'x', sizeof(prompt) - 1);
	prompt[sizeof(prompt) - 1] = '\0';
	check_in(&f, &(struct row){ "agent.yaml", "steps: 5", "context_tokens: 2000", "" });
	check_in(&f,
	    &(struct row){ "prompt.md", "Be kind.", prompt,
		"agent.yaml:31:11: limits.context_tokens: prompt.md and the tools alone take about "
		"1533 of the 2000 tokens: allow at least 3066\n" });
	folder_remove(&f);
}

static void what_does_not_work_yet_is_refused_by_name(void **state)
{
	static const char *const top[] = { "mcp: { crm: { url: http://x } }", "policies: []",
		"desk: {}", "webhooks: []", "mail: {}", "mode: draft", "languages: [en]",
		"resolution: {}" };
	static const struct row rows[] = {
		{ "agent.yaml", "turns: 9", "confidence_below: 0.6",
		    "agent.yaml:29:3: escalation.confidence_below: not available yet\n" },
		{ "agent.yaml", "effect: write",
		    "effect: write\n    confirm: true\n    approve: true\n"
		    "    for: rules",
		    "agent.yaml:23:5: tools.refund.confirm: not available yet\n"
		    "agent.yaml:24:5: tools.refund.approve: not available yet\n"
		    "agent.yaml:25:5: tools.refund.for: not available yet\n" },
		{ "agent.yaml", "customer: {",
		    "  near:\n    description: x\n"
		    "    command: [x]\n  crm:\n    description: x\n    mcp: x\n  none:\n"
		    "    description: x\ncustomer: {",
		    "agent.yaml:29:5: tools.near.command: not available yet\n"
		    "agent.yaml:32:5: tools.crm.mcp: not available yet\n"
		    "agent.yaml:33:3: tools.none: missing what it does: sql or http\n" },
		{ "agent.yaml", "sqlite:shop.db", "postgresql://localhost/shop",
		    "agent.yaml:6:11: databases.shop.url: PostgreSQL: not available yet\n" },
		{ "agent.yaml", "name: Shop", "name: Shop\nstore: postgresql://localhost/x",
		    "agent.yaml:2:1: store: PostgreSQL: not available yet\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(top); i++) {
		char put[200], want[200];

		snprintf(put, sizeof(put), "name: Shop\n%s", top[i]);
		snprintf(want, sizeof(want), "agent.yaml:2:1: %.*s: not available yet\n",
		    (int)strcspn(top[i], ":"), top[i]);
		check_row(&(struct row){ "agent.yaml", "name: Shop", put, want });
	}
	check_rows(rows, array_len(rows));
}

static void mistakes_of_every_kind_are_told_at_once(void **state)
{
	struct folder f = folder_good();
	struct arena *mem = arena_new();

	(void)state;
	folder_replace(&f, "agent.yaml", "currency: EUR", "currency: EUR\nmial: 1");
	folder_replace(&f, "agent.yaml", "refund: handoff", "refnud: handoff");
	folder_replace(&f, "agent.yaml", "UPDATE orders SET refunded", "UPDATE oders SET refunded");
	folder_replace(&f, "agent.yaml", "name: Shop", "name: ${FD_TEST_NOT_THERE}");
	folder_replace(&f, "intents.yaml", "none: [hello]", "none: [hello, 3]");
	folder_replace(&f, "prompt.md", "Be kind.\n", " \n");
	folder_replace(&f, "talk.yaml", "steps:", "stpes:");
	assert_string_equal(folder_mistakes(&f, mem),
	    "agent.yaml:1:7: name: the environment variable FD_TEST_NOT_THERE is not set\n"
	    "agent.yaml:3:1: mial: unknown key \"mial\"\n"
	    "agent.yaml:26:7: tools.refund.sql.query: no such table: oders\n"
	    "agent.yaml:31:14: escalation.intents.refnud: there is no intent \"refnud\" in "
	    "intents.yaml; did you mean \"refund\"?\n"
	    "intents.yaml:4:15: none[1]: expected string, got integer\n"
	    "prompt.md: is empty\n"
	    "talk.yaml:1:1: missing \"steps\"\n"
	    "talk.yaml:1:1: stpes: unknown key \"stpes\"; did you mean \"steps\"?\n");
	arena_free(mem);
	folder_remove(&f);
}

static void a_playbook_is_checked_against_the_rest_of_the_folder(void **state)
{
	static const struct row rows[] = {
		{ "playbook.yaml", "tool: lookup_order", "tool: lookup_ordr",
		    "playbook.yaml:14:17: intents.refund.look_up.orders.tool: there is no tool "
		    "\"lookup_ordr\"; did you mean \"lookup_order\"?\n" },
		{ "playbook.yaml", "There are none.", "\"{{ 1 + * 2 }}\"",
		    "playbook.yaml:17:22: intents.refund.cases[0].say: expected a value, got "
		    "'*'\n" },
		{ "playbook.yaml", "{{ #orders.rows }}", "{{ #orders.rows + * }}",
		    "playbook.yaml:20:29: intents.refund.cases[1].say: expected a value, got "
		    "'*'\n" },
		{ "playbook.yaml", "\"#orders.rows == 0\"", "0 == #orders.rows",
		    "playbook.yaml:16:20: intents.refund.cases[0].when: a # behind a blank starts "
		    "a "
		    "comment; put all of it in quotes if the # belongs to it, and a blank behind "
		    "the "
		    "# if not\n" },
		{ "playbook.yaml", "say: There are none.", "say: There are none. # yet", "" },
		{ "playbook.yaml", "  again: a", "  agian: a",
		    "playbook.yaml:1:1: texts: missing \"again\"\n"
		    "playbook.yaml:2:3: texts.agian: unknown key \"agian\"; did you mean "
		    "\"again\"?\n" },
		{ "playbook.yaml", "  again: a", "  again: ${FD_TEST_NOT_THERE}",
		    "playbook.yaml:2:10: texts.again: the environment variable FD_TEST_NOT_THERE "
		    "is "
		    "not set\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct folder f = folder_good();

		folder_replace(&f, "agent.yaml", "scripted:talk.yaml", "builtin");
		check_in(&f, &rows[i]);
		folder_remove(&f);
	}
}

static void a_missing_neighbour_is_a_mistake(void **state)
{
	struct folder f = folder_good();
	struct arena *mem = arena_new();

	(void)state;
	folder_replace(&f, "agent.yaml", "main: scripted:talk.yaml", "main: builtin");
	folder_replace(&f, "agent.yaml", "intents: { refund: handoff }", "turns: 9");
	folder_replace(&f, "agent.yaml", "turns: 9\n  turns: 9", "turns: 9");
	folder_delete(&f, "prompt.md");
	folder_delete(&f, "intents.yaml");
	folder_delete(&f, "playbook.yaml");
	assert_string_equal(folder_mistakes(&f, mem),
	    "intents.yaml: is missing: the model builtin cannot do without it\n"
	    "playbook.yaml: is missing: the model builtin cannot do without it\n"
	    "prompt.md: cannot be read: No such file or directory\n");
	folder_delete(&f, "agent.yaml");
	assert_string_equal(
	    folder_mistakes(&f, mem), "agent.yaml: cannot be read: No such file or directory\n");
	arena_free(mem);
	folder_remove(&f);
}

static void a_good_folder_becomes_working_parts(void **state)
{
	struct folder f = folder_good();
	struct arena *mem = arena_new();
	struct mistakes m = mistakes_none(mem);
	struct world *w = world_sim(1);
	struct agent_setup *s = folder_open(&f, &m, w);
	const struct tool *t;

	(void)state;
	assert_non_null(s);
	assert_string_equal(s->agent.instructions, "Be kind.\n");
	assert_int_equal(s->agent.limits.steps, 5);
	assert_int_equal(s->agent.limits.parallel, 8);
	assert_int_equal(s->agent.limits.turn_ms, 120000);
	assert_int_equal(s->agent.turns_max, 9);
	assert_int_equal(s->agent.nintent_rules, 1);
	assert_string_equal(s->agent.intent_rules[0].kind, "handoff");
	assert_int_equal(s->agent.nchain, 1);
	assert_int_equal(s->agent.nnot_cards, 1);
	assert_int_equal(s->agent.tools.n, 3);
	t = &s->agent.tools.tools[0];
	assert_string_equal(t->name, "lookup_order");
	assert_string_equal(t->shown, "Lookup order");
	assert_int_equal(t->identity, IDENTITY_EMAIL);
	assert_int_equal(t->timeout_ms, 10000);
	assert_string_equal(json_text(mem, t->parameters),
	    "{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},"
	    "\"required\":[],\"additionalProperties\":false}");
	t = &s->agent.tools.tools[1];
	assert_int_equal(t->effect, EFFECT_WRITE);
	assert_int_equal(t->identity, IDENTITY_VERIFIED); /* it binds the customer */
	assert_string_equal(t->shown, "Refunding");
	assert_non_null(t->impl);
	t = &s->agent.tools.tools[2];
	assert_string_equal(t->name, "escalate_to_human");
	assert_null(t->kind);
	assert_string_equal(s->config->intent_names[0], "refund");
	assert_null(s->config->intent_names[1]);
	assert_int_equal(s->config->nexamples, 3);
	assert_null(s->config->examples[2].intent);
	assert_string_equal(s->config->demo[1], "demo-2");
	agent_setup_close(s);
	world_free(w);
	arena_free(mem);
	assert_true(folder_has(&f, "data/shop.db"));
	folder_remove(&f);
}

static void a_check_leaves_nothing_behind(void **state)
{
	struct folder f = folder_good();
	struct arena *mem = arena_new();
	char *tmp = arena_printf(mem, "%s/tmp", f.path);

	(void)state;
	setenv("TMPDIR", folder_make(&f, "tmp"), 1);
	assert_string_equal(folder_mistakes(&f, mem), "");
	unsetenv("TMPDIR");
	assert_false(folder_has(&f, "data"));
	assert_int_equal(folder_count(tmp), 0);
	arena_free(mem);
	folder_remove(&f);
}

static void a_database_that_is_there_is_the_one_that_counts(void **state)
{
	struct folder f = folder_good();
	struct arena *mem = arena_new();
	struct mistakes m = mistakes_none(mem);
	struct world *w = world_sim(1);

	(void)state;
	agent_setup_close(folder_open(&f, &m, w));
	world_free(w);
	folder_replace(&f, "shop.sql", "cents", "amount");
	folder_replace(&f, "agent.yaml", "SELECT id, cents", "SELECT id, amount");
	assert_string_equal(folder_mistakes(&f, mem),
	    "agent.yaml:13:47: tools.lookup_order.sql.query: no such column: amount\n");
	arena_free(mem);
	folder_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_good_folder_has_no_mistake),
		cmocka_unit_test(a_wrong_shape_is_named_with_its_place),
		cmocka_unit_test(what_sections_say_of_each_other_is_checked),
		cmocka_unit_test(parameters_in_the_short_form_are_a_schema),
		cmocka_unit_test(sql_that_does_not_compile_has_its_place_in_the_file),
		cmocka_unit_test(instructions_that_leave_no_room_for_a_conversation_are_a_mistake),
		cmocka_unit_test(what_does_not_work_yet_is_refused_by_name),
		cmocka_unit_test(mistakes_of_every_kind_are_told_at_once),
		cmocka_unit_test(a_playbook_is_checked_against_the_rest_of_the_folder),
		cmocka_unit_test(a_missing_neighbour_is_a_mistake),
		cmocka_unit_test(a_good_folder_becomes_working_parts),
		cmocka_unit_test(a_check_leaves_nothing_behind),
		cmocka_unit_test(a_database_that_is_there_is_the_one_that_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
