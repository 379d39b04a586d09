#include "shop.h"

#include "base/schema.h"

/* A playbook that is wrong: each mistake is found when it is read, with its path. */

static const char small[] =
    "{\"slots\":{\"order_id\":{\"pattern\":\"order_id\"}},"
    "\"texts\":{\"again\":\"a {{ question }}\",\"still_open\":\"s {{ question "
    "}}\",\"which\":\"w\",\"handover\":\"h\","
    "\"handover_failed\":\"hf\",\"with_person\":\"wp\",\"sign_in\":\"si\"},"
    "\"fallback\":{\"first\":\"1\",\"second\":\"2\",\"then\":{\"say\":\"3\"}},"
    "\"failed\":{\"say\":\"failed: {{ failed.why }}\"},"
    "\"intents\":{\"refund_request\":{"
    "\"look_up\":{\"orders\":{\"tool\":\"lookup_order\",\"args\":{\"order_id?\":\"slots.order_id\"}"
    "}},"
    "\"define\":{\"n\":\"#orders.rows\"},"
    "\"cases\":[{\"when\":\"n == 0\",\"say\":\"none\"},"
    "{\"call\":{\"tool\":\"initiate_refund\",\"args\":{\"order_id\":\"orders.rows[1].order_id\","
    "\"amount_cents\":100},"
    "\"as\":\"refund\"},\"ok\":{\"say\":\"{{ refund.refund_id }}\"},\"failed\":{\"say\":\"{{ "
    "failed.refund }}\"}}]}}}";

static const char *const one_intent[] = { "refund_request", NULL };

static struct schema *schema_of_playbook(struct arena *mem)
{
	struct err e;
	struct schema *s = schema_compile(json_read_own(mem, builtin_schema), &e);

	if (!s)
		fail_msg("builtin_schema: %s", e.msg);
	return s;
}

/* What is said of the small playbook after `value` was put at `path` ("a/b/0"); NULL takes out. */
static const char *mistakes_with(struct shop *s, const char *path, const char *value)
{
	json_t *playbook = json_read_own(s->mem, small), *at = playbook;
	char *keys = arena_strdup(s->mem, path), *key = strsep(&keys, "/");
	struct model *m;

	for (; keys; key = strsep(&keys, "/"))
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key))
				       : json_object_get(at, key);
	if (!value)
		json_object_del(at, key);
	else if (json_is_array(at))
		json_array_set(at, (size_t)atoi(key), json_read_own(s->mem, value));
	else
		json_object_set(at, key, json_read_own(s->mem, value));
	s->mistakes[0] = '\0';
	m = shop_model(s, playbook, one_intent);
	assert_int_equal(m != NULL, !s->mistakes[0]);
	if (m)
		m->class->free(m);
	return s->mistakes;
}

#define CASES "intents/refund_request/cases"
#define CALL  CASES "/1/call"
#define KNOWN                                                                                      \
	"customer, profile, slots, found, message, now, owner, escalation, intents, mood, "        \
	"mentions"

static const struct {
	const char *path, *value, *says;
} wrongs[] = {
	{ "slots/order_id/pattern", "\"serial\"",
	    "slots/order_id/pattern: there is no pattern \"serial\" (agent.yaml, patterns)\n" },
	{ "slots/order-id", "{\"pattern\":\"order_id\"}",
	    "slots/order-id: 'order-id' cannot be a name: letters, digits and _ only\n" },
	{ "texts/handover", "\"{{ nme }}\"",
	    "texts/handover: 1:4: unknown name 'nme' (known here: " KNOWN ")\n" },
	{ "texts/again", "\"{{ question\"", "texts/again: 1:1: this {{ is never closed\n" },
	{ "intents/refund_requst", "{\"cases\":{\"say\":\"x\"}}",
	    "intents/refund_requst: there is no intent \"refund_requst\"; did you mean "
	    "\"refund_request\"?\n" },
	{ "intents/refund_request", NULL,
	    "intents: the intent \"refund_request\" has no entry: what is to be answered?\n" },
	{ "intents/refund_request/look_up/orders/tool", "\"lookup_oder\"",
	    "intents/refund_request/look_up/orders/tool: there is no tool \"lookup_oder\"; did you "
	    "mean \"lookup_order\"?\n" },
	{ "intents/refund_request/look_up/orders/tool", "\"cancel_subscription\"",
	    "intents/refund_request/look_up/orders/args/order_id?: cancel_subscription has no "
	    "argument \"order_id\"\n"
	    "intents/refund_request/look_up/orders/tool: cancel_subscription changes something; "
	    "looking up must not (use \"call\" in a case)\n" },
	{ "intents/refund_request/look_up/orders/args", "{\"oder_id\":\"slots.order_id\"}",
	    "intents/refund_request/look_up/orders/args/oder_id: lookup_order has no argument "
	    "\"oder_id\"; did you mean \"order_id\"?\n" },
	{ "intents/refund_request/look_up/orders/when", "\"orders ~= nil\"",
	    "intents/refund_request/look_up/orders/when: 1:1: unknown name 'orders' (known "
	    "here: " KNOWN ")\n" },
	{ "intents/refund_request/look_up/orders/after", "[\"policy\"]",
	    "intents/refund_request/look_up/orders/after/0: there is no look-up \"policy\" above "
	    "this one\n" },
	{ "intents/refund_request/look_up/count", "{\"tool\":\"lookup_account\"}",
	    "intents/refund_request/look_up/count: 'count' cannot be a name: it means something to "
	    "expressions\n" },
	{ "intents/refund_request/look_up/slots", "{\"tool\":\"lookup_account\"}",
	    "intents/refund_request/look_up/slots: the name 'slots' is taken\n" },
	{ "intents/refund_request/define/failed", "\"1\"",
	    "intents/refund_request/define/failed: the name 'failed' is taken\n" },
	{ "intents/refund_request/define/n", "\"#orders.rows +\"",
	    "intents/refund_request/define/n: 1:15: expected a value, but it ends here\n" },
	{ "intents/refund_request/failed", "{\"say\":\"{{ orders.rows }}\"}",
	    "intents/refund_request/failed/say: 1:4: unknown name 'orders' (known here: " KNOWN
	    ", failed)\n" },
	{ CALL "/args", "{\"order_id?\":\"'x'\"}",
	    CALL "/args/order_id?: initiate_refund requires this argument: write \"order_id\" "
		 "without the question mark\n" CALL
		 ": initiate_refund requires the argument \"amount_cents\"\n" },
	{ CASES "/1/failed/say", "\"{{ refund.refund_id }}\"",
	    CASES
	    "/1/failed/say: 1:4: unknown name 'refund'; did you mean \"round\"? (known here: " KNOWN
	    ", orders, n, failed)\n" },
	{ CASES "/1/when", "\"n == 1\"",
	    CASES "/1: the last case must have no \"when\", so that there is always an answer\n" },
	{ CASES "/0/when", NULL,
	    CASES "/0: a case without \"when\" must be the last: none behind it is reached\n" },
	{ CASES "/0/ask", "\"serial\"", CASES "/0/ask: there is no slot \"serial\" under slots\n" },
	{ CASES "/0", "{\"when\":\"n == 0\",\"ask\":\"order_id\"}",
	    CASES "/0: a case that asks needs a \"say\" with the question\n" },
	{ CASES "/0/options", "{\"from\":\"orders.rows\",\"value\":\"order_id\"}",
	    CASES "/0/options: \"options\" goes with \"ask\", and there is none\n" },
	{ CASES "/0/yes", "{\"say\":\"x\"}",
	    CASES "/0/yes: \"yes\" goes with \"confirm\", and there is none\n" },
	{ CASES "/0/confirm", "\"Shall I?\"",
	    CASES "/0: \"confirm\" needs \"yes\" beside it\n" CASES
		  "/0: \"confirm\" needs \"no\" beside it\n" },
	{ CASES "/0",
	    "{\"when\":\"n == 0\",\"confirm\":\"?\",\"yes\":{\"say\":\"{{ n "
	    "}}\"},\"no\":{\"say\":\"{{ n }}\"}}",
	    CASES "/0/no/say: 1:4: unknown name 'n' (known here: " KNOWN ")\n" },
	{ CASES "/0/call", "{\"tool\":\"lookup_account\"}",
	    CASES "/0: \"call\" needs \"ok\" beside it\n" CASES
		  "/0: \"call\" needs \"failed\" beside it\n" },
	{ CASES "/1/ask", "\"order_id\"",
	    CASES "/1: a case that asks needs a \"say\" with the question\n" CASES
		  "/1: a case does one of ask, confirm and call\n" },
	{ CASES "/0", "{\"when\":\"n == 0\"}",
	    CASES "/0: this case neither says nor does anything\n" },
	{ CASES "/1/ok", "{\"when\":\"n == 1\",\"say\":\"x\"}",
	    CASES "/1/ok: a single case has no \"when\"; write a list whose last case has none\n" },
	{ CASES "/0/escalate", "{\"reason\":\"{{ x }}\"}",
	    CASES "/0/escalate/reason: 1:4: unknown name 'x' (known here: " KNOWN
		  ", orders, n)\n" },
};

static void every_mistake_is_found_with_its_path(void **state)
{
	struct shop *s = shop_open();
	int wrong = 0;

	(void)state;
	assert_string_equal(mistakes_with(s, "texts/which", "\"w\""), "");
	for (size_t i = 0; i < array_len(wrongs); i++) {
		const char *got = mistakes_with(s, wrongs[i].path, wrongs[i].value);

		if (!strcmp(got, wrongs[i].says))
			continue;
		print_error("%s = %s\n  says     %s  expected %s", wrongs[i].path,
		    wrongs[i].value ? wrongs[i].value : "(nothing)", got, wrongs[i].says);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	shop_close(s);
}

static void without_a_tool_to_escalate_there_is_no_escalating(void **state)
{
	struct shop *s = shop_open();

	(void)state;
	s->ntools--;
	assert_string_equal(mistakes_with(s, CASES "/0/escalate", "\"why\""),
	    CASES "/0/escalate: there is no tool \"escalate_to_human\" to escalate with\n");
	shop_close(s);
}

/* The shape. */

static int report(void *arg, const char *pointer, const char *message)
{
	print_error("%s: %s\n", pointer, message);
	(*(int *)arg)++;
	return 0;
}

static void the_shops_playbook_has_the_right_shape(void **state)
{
	struct arena *mem = arena_new();
	struct schema *schema = schema_of_playbook(mem);
	int mistakes = 0;

	(void)state;
	assert_true(
	    schema_check(schema, shop_yaml(mem, "examples/shop/playbook.yaml"), report, &mistakes));
	assert_true(schema_check(schema, json_read_own(mem, small), report, &mistakes));
	assert_int_equal(mistakes, 0);
	schema_free(schema);
	arena_free(mem);
}

static void other_shapes_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} edits[] = { { "\"say\":\"none\"", "\"sy\":\"none\"" },
		{ "\"say\":\"none\"", "\"say\":1" },
		{ "\"args\":{\"order_id\"", "\"arguments\":{\"order_id\"" },
		{ "\"sign_in\":\"si\"", "\"sign_in\":\"\"" },
		{ "\"define\":{\"n\":\"#orders.rows\"}", "\"define\":{\"n\":1}" },
		{ "\"fallback\"", "\"fallbck\"" }, { "\"tool\":\"lookup_order\",", "" },
		{ "\"as\":\"refund\"", "\"as\":[]" } };
	struct arena *mem = arena_new();
	struct schema *schema = schema_of_playbook(mem);

	(void)state;
	for (size_t i = 0; i < array_len(edits); i++) {
		const char *at = strstr(small, edits[i].from);
		const char *text;

		assert_non_null(at);
		text = arena_printf(mem, "%.*s%s%s", (int)(at - small), small, edits[i].to,
		    at + strlen(edits[i].from));
		if (schema_check(schema, json_read_own(mem, text), NULL, NULL))
			fail_msg("accepted: %s", edits[i].to);
	}
	schema_free(schema);
	arena_free(mem);
}

/* Look-ups after one another, optional ones, and conditions on them. */

static const char chained[] =
    "{\"look_up\":{\"account\":{\"tool\":\"lookup_account\",\"optional\":true},"
    "\"orders\":{\"tool\":\"lookup_order\",\"after\":[\"account\"],\"when\":\"account ~= nil\","
    "\"args\":{\"order_id\":\"account.last\"}},"
    "\"policy\":{\"tool\":\"check_cancellation_policy\"}},"
    "\"cases\":{\"say\":\"{{ orders ~= nil and orders.rows[1].item or 'no order' }}\"}}";

/* The small playbook with another entry for its intent. */
static void open_with(struct shop *s, const char *intent)
{
	json_t *playbook = json_read_own(s->mem, small);

	json_object_set(
	    json_object_get(playbook, "intents"), "refund_request", json_read_own(s->mem, intent));
	s->model = shop_model(s, playbook, one_intent);
	assert_string_equal(s->mistakes, "");
}

static void look_ups_wait_for_those_they_build_on(void **state)
{
	struct shop *s = shop_open();

	(void)state;
	open_with(s, chained);
	shop_answer(s, "lookup_account", "{\"last\":\"FW-1\"}");
	shop_answer(s, "lookup_order", "{\"rows\":[{\"order_id\":\"FW-1\",\"item\":\"Tent\"}]}");
	shop_answer(s, "check_cancellation_policy", "null");
	assert_string_equal(shop_say(s, "x", "refund_request"), "Tent");
	assert_string_equal(s->trail, "lookup_account{} check_cancellation_policy{} | "
				      "lookup_order{\"order_id\":\"FW-1\"} | ");
	shop_answer(s, "lookup_account", "!down");
	assert_string_equal(shop_say(s, "x", "refund_request"), "no order");
	assert_string_equal(s->trail, "lookup_account{} check_cancellation_policy{} | ");
	shop_answer(s, "check_cancellation_policy", "!down");
	assert_string_equal(shop_say(s, "x", "refund_request"), "failed: down");
	shop_close(s);
}

static void one_tool_may_be_asked_for_several_things(void **state)
{
	struct shop *s = shop_open();

	(void)state;
	open_with(s,
	    "{\"look_up\":{\"a\":{\"tool\":\"lookup_order\",\"args\":{\"order_id\":\"'FW-1'\"}},"
	    "\"b\":{\"tool\":\"lookup_order\",\"args\":{\"order_id\":\"'FW-2'\"}},"
	    "\"c\":{\"tool\":\"lookup_order\",\"args\":{\"order_id\":\"'FW-1'\"}}},"
	    "\"cases\":{\"say\":\"{{ a.rows[1].item }} {{ b.rows[1].item }} {{ c.rows[1].item "
	    "}}\"}}");
	shop_answer(s, "lookup_order",
	    "{\"rows\":[{\"order_id\":\"FW-1\",\"item\":\"Tent\"},{\"order_id\":\"FW-2\",\"item\":"
	    "\"Stove\"}]}");
	assert_string_equal(shop_say(s, "x", "refund_request"), "Tent Stove Tent");
	assert_string_equal(
	    s->trail, "lookup_order{\"order_id\":\"FW-1\"} lookup_order{\"order_id\":\"FW-2\"} | ");
	shop_close(s);
}

/* `agreed` is about a new wish; a yes to other words stays a yes to those. */
static void a_yes_to_other_words_is_not_replaced_by_agreed(void **state)
{
	struct shop *s = shop_open();

	(void)state;
	open_with(s,
	    "{\"look_up\":{\"o\":{\"tool\":\"lookup_order\"}},\"cases\":{"
	    "\"confirm\":\"End {{ o.rows[1].item }}?\",\"agreed\":\"o.rows[1].item == 'Tent'\","
	    "\"yes\":{\"call\":{\"tool\":\"cancel_subscription\"},\"ok\":{\"say\":\"done\"},"
	    "\"failed\":{\"say\":\"not done\"}},\"no\":{\"say\":\"kept\"}}}");
	shop_answer(s, "cancel_subscription", "{}");
	shop_answer(s, "lookup_order", "{\"rows\":[{\"item\":\"Stove\"}]}");
	assert_string_equal(shop_say(s, "x", "refund_request"), "End Stove?");
	shop_answer(s, "lookup_order", "{\"rows\":[{\"item\":\"Tent\"}]}");
	assert_string_equal(shop_say(s, "yes", ""), "End Tent?");
	assert_string_equal(shop_say(s, "yes", ""), "done");
	assert_string_equal(shop_say(s, "x", "refund_request"), "done");
	shop_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_found_with_its_path),
		cmocka_unit_test(without_a_tool_to_escalate_there_is_no_escalating),
		cmocka_unit_test(the_shops_playbook_has_the_right_shape),
		cmocka_unit_test(other_shapes_are_refused),
		cmocka_unit_test(look_ups_wait_for_those_they_build_on),
		cmocka_unit_test(one_tool_may_be_asked_for_several_things),
		cmocka_unit_test(a_yes_to_other_words_is_not_replaced_by_agreed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
