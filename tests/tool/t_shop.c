#include "base/text.h"
#include "tests/tool/calls.h"
#include "tests/tool/yaml.h"

/* The demo shop as it is: shop.sql, and the tools of agent.yaml, asked as each demo customer. */

static char *file_text(struct place *p, const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = arena_alloc(p->mem, 1 << 20);

	if (!f)
		fail_msg("%s is not there; run the tests from the root of the project", path);
	text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
	fclose(f);
	return text;
}

struct shop {
	struct place *p;
	const json_t *tools;
};

static struct shop open_shop(void **state)
{
	struct shop s = { .p = *state };
	const json_t *agent = json_in(s.p->mem, yaml_file("examples/shop/agent.yaml"));

	s.tools = json_object_get(agent, "tools");
	assert_non_null(s.tools);
	if (!s.p->db)
		open_place(s.p, world_sim(1), file_text(s.p, "examples/shop/shop.sql"));
	return s;
}

/* The short form: a name that ends with ? is optional. */
static const char *schema_of(struct shop *s, const json_t *parameters)
{
	json_t *properties = json_object();
	const char *name;
	json_t *value;

	json_object_foreach (json_unconst(parameters), name, value) {
		char *plain = arena_strdup(s->p->mem, name);

		plain[strcspn(plain, "?")] = '\0';
		json_object_set(properties, plain, value);
	}
	return json_text(s->p->mem,
	    json_in(s->p->mem, json_pack("{s:s,s:o}", "type", "object", "properties", properties)));
}

static struct a_call call_of(
    struct shop *s, const char *tool, const char *customer, const char *arguments, const char *key)
{
	const json_t *entry = json_object_get(s->tools, tool);

	if (!entry)
		fail_msg("agent.yaml has no tool %s", tool);
	assert_int_equal(key != NULL, text_is(json_str(entry, "effect"), "write"));
	return (struct a_call){ .config = json_text(s->p->mem, json_object_get(entry, "sql")),
		.parameters = schema_of(s, json_object_get(entry, "parameters")),
		.arguments = arguments,
		.customer = customer,
		.key = key };
}

struct asked {
	const char *tool, *customer, *arguments, *key;
};

/* One after another; the world is used up afterwards, so a test asks once. */
static void ask(struct shop *s, const struct asked *what, struct a_call *calls_made, int n)
{
	for (int i = 0; i < n; i++)
		calls_made[i] =
		    call_of(s, what[i].tool, what[i].customer, what[i].arguments, what[i].key);
	calls(s->p, calls_made, n, false);
}

static const json_t *rows_of(const struct a_call *c)
{
	if (c->result.status != TOOL_OK)
		fail_msg("failed: %s", c->text);
	return json_object_get(c->result.value, "rows");
}

static const json_t *row(const struct a_call *c, size_t i)
{
	const json_t *r = json_array_get(rows_of(c), i);

	assert_non_null(r);
	return r;
}

static size_t nrows(const struct a_call *c)
{
	return json_array_size(rows_of(c));
}

static void is_str(const json_t *object, const char *key, const char *value)
{
	const char *have = json_str(object, key);

	if (!text_is(have, value))
		fail_msg("%s is %s and not %s", key, have ? have : "null", value ? value : "null");
}

static void has_columns(const json_t *object, const char *columns)
{
	char have[400] = "";
	const char *name;
	json_t *value;

	json_object_foreach (json_unconst(object), name, value) {
		if (have[0])
			strcat(have, " ");
		strcat(have, name);
	}
	assert_string_equal(have, columns);
}

static void the_columns_are_those_that_the_playbook_reads(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "lookup_account", "demo-1", NULL, NULL },
		{ "lookup_order", "demo-1", NULL, NULL },
		{ "check_refund_policy", "demo-1", NULL, NULL },
		{ "initiate_refund", "demo-1", "{\"order_id\":\"FW-1042\",\"amount_cents\":18900}",
		    "1" },
		{ "check_cancellation_policy", "demo-1", NULL, NULL },
		{ "cancel_subscription", "demo-1", NULL, "2" },
	};
	struct a_call c[array_len(what)];

	assert_int_equal(json_object_size(s.tools), array_len(what));
	ask(&s, what, c, (int)array_len(what));
	has_columns(c[0].result.value,
	    "customer_id name email tier customer_since subscription_plan subscription_status "
	    "open_tickets last_payment_cents last_payment_on");
	has_columns(row(&c[1], 0),
	    "order_id item ordered_on delivered_on status total_cents refunded_cents paid_with "
	    "carrier tracking");
	has_columns(row(&c[2], 0),
	    "order_id item items amount_cents refundable needs_person reason window_days "
	    "days_since_delivery refund_until");
	has_columns(c[3].result.value, "refund_id order_id item amount_cents paid_with arrives_on");
	has_columns(
	    c[4].result.value, "plan status price_cents period_ends_on cancellable what_it_means");
	has_columns(c[5].result.value, "plan status ends_on");
}

static void demo_1_has_one_recent_order_and_gets_it_refunded_once(void **state)
{
	struct shop s = open_shop(state);
	static const char all[] = "{\"order_id\":\"FW-1042\",\"amount_cents\":18900}";
	static const struct asked what[] = {
		{ "lookup_account", "demo-1", NULL, NULL },
		{ "lookup_order", "demo-1", NULL, NULL },
		{ "check_refund_policy", "demo-1", NULL, NULL },
		{ "initiate_refund", "demo-1", all, "turn-1" },
		{ "initiate_refund", "demo-1", all, "turn-1" },
		{ "initiate_refund", "demo-1", all, "turn-2" },
		{ "check_refund_policy", "demo-1", NULL, NULL },
		{ "check_refund_policy", "demo-1", "{\"order_id\":\"fw-1042\"}", NULL },
		{ "lookup_order", "demo-1", "{\"order_id\":\"FW-1042\"}", NULL },
	};
	struct a_call c[array_len(what)];

	ask(&s, what, c, (int)array_len(what));
	is_str(c[0].result.value, "tier", "premium");
	is_str(c[0].result.value, "subscription_status", "active");
	assert_int_equal(json_int(c[0].result.value, "last_payment_cents", 0), 18900);
	assert_int_equal(nrows(&c[1]), 1);
	is_str(row(&c[1], 0), "paid_with", "Visa ending 4242");
	assert_int_equal(nrows(&c[2]), 1);
	is_str(row(&c[2], 0), "order_id", "FW-1042");
	is_str(row(&c[2], 0), "item", "Trail jacket");
	is_str(row(&c[2], 0), "reason", NULL);
	assert_int_equal(json_int(row(&c[2], 0), "amount_cents", 0), 18900);
	assert_int_equal(json_int(row(&c[2], 0), "refundable", 0), 1);
	assert_int_equal(json_int(row(&c[2], 0), "needs_person", 1), 0);
	assert_int_equal(json_int(row(&c[2], 0), "window_days", 0), 30);
	is_str(c[3].result.value, "paid_with", "Visa ending 4242");
	assert_int_equal(json_int(c[3].result.value, "amount_cents", 0), 18900);
	is_ok(&c[4], c[3].text);
	is_failed(&c[5], "this order has been refunded already");
	assert_int_equal(nrows(&c[6]), 0);
	is_str(row(&c[7], 0), "reason", "it has been refunded already");
	assert_int_equal(json_int(row(&c[7], 0), "refundable", 1), 0);
	assert_int_equal(json_int(row(&c[8], 0), "refunded_cents", 0), 18900);
}

static void demo_2_gets_no_refund_above_500_not_even_in_parts(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "check_refund_policy", "demo-2", NULL, NULL },
		{ "initiate_refund", "demo-2", "{\"order_id\":\"FW-1057\",\"amount_cents\":72900}",
		    "1" },
		{ "initiate_refund", "demo-2", "{\"order_id\":\"FW-1057\",\"amount_cents\":50001}",
		    "2" },
		{ "initiate_refund", "demo-2", "{\"order_id\":\"FW-1057\",\"amount_cents\":40000}",
		    "3" },
		{ "initiate_refund", "demo-2", "{\"order_id\":\"FW-1057\",\"amount_cents\":10001}",
		    "4" },
		{ "initiate_refund", "demo-2", "{\"order_id\":\"FW-1057\",\"amount_cents\":10000}",
		    "5" },
	};
	struct a_call c[array_len(what)];

	ask(&s, what, c, (int)array_len(what));
	assert_int_equal(nrows(&c[0]), 1);
	assert_int_equal(json_int(row(&c[0], 0), "amount_cents", 0), 72900);
	assert_int_equal(json_int(row(&c[0], 0), "needs_person", 0), 1);
	is_str(row(&c[0], 0), "reason", "refunds above $500 are made by a person");
	is_failed(&c[1], "refunds above $500 are made by a person");
	assert_string_equal(c[2].text, c[1].text);
	assert_int_equal(c[3].result.status, TOOL_OK);
	assert_string_equal(c[4].text, c[1].text);
	assert_int_equal(c[5].result.status, TOOL_OK);
}

static void demo_3_is_late_and_premium_would_not_be(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "check_refund_policy", "demo-3", NULL, NULL },
		{ "initiate_refund", "demo-3", "{\"order_id\":\"FW-1018\",\"amount_cents\":100}",
		    "1" },
		{ "lookup_account", "demo-3", NULL, NULL },
	};
	struct a_call c[array_len(what)];
	int64_t days;

	ask(&s, what, c, (int)array_len(what));
	assert_int_equal(nrows(&c[0]), 1);
	assert_int_equal(json_int(row(&c[0], 0), "refundable", 1), 0);
	days = json_int(row(&c[0], 0), "days_since_delivery", 0);
	assert_true(days > 14 && days < 30);
	assert_true(
	    text_starts(json_str(row(&c[0], 0), "reason"), "the 14 days for a refund ended on "));
	is_failed(&c[1], "the time for a refund of this order is over");
	is_str(c[2].result.value, "tier", "standard");
}

static void the_last_day_of_the_window_still_counts(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "check_refund_policy", "demo-4", "{\"order_id\":\"FW-1049\"}", NULL },
		{ "check_refund_policy", "demo-4", "{\"order_id\":\"FW-1061\"}", NULL },
		{ "initiate_refund", "demo-4", "{\"order_id\":\"FW-1049\",\"amount_cents\":100}",
		    "1" },
		{ "initiate_refund", "demo-4", "{\"order_id\":\"FW-1061\",\"amount_cents\":100}",
		    "2" },
	};
	struct a_call c[array_len(what)];
	struct err e = { 0 };
	struct sqlite *theirs = sqlite_open(s.p->file, SQLITE_WRITES, &e);

	assert_int_equal(
	    sqlite_script(theirs,
		"UPDATE orders SET delivered_on = date('now', '-14 days') WHERE id = 'FW-1049';"
		"UPDATE orders SET delivered_on = date('now', '-15 days') WHERE id = 'FW-1061'",
		&e),
	    0);
	sqlite_close(theirs);
	ask(&s, what, c, (int)array_len(what));
	assert_int_equal(json_int(row(&c[0], 0), "refundable", 0), 1);
	assert_int_equal(json_int(row(&c[1], 0), "refundable", 1), 0);
	assert_int_equal(c[2].result.status, TOOL_OK);
	is_failed(&c[3], "the time for a refund of this order is over");
}

static void demo_4_has_two_orders_to_choose_from(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "check_refund_policy", "demo-4", NULL, NULL },
		{ "lookup_order", "demo-4", NULL, NULL },
		{ "initiate_refund", "demo-4", "{\"order_id\":\"FW-1061\",\"amount_cents\":8900}",
		    "1" },
		{ "initiate_refund", "demo-4", "{\"order_id\":\"FW-1061\",\"amount_cents\":1701}",
		    "2" },
		{ "check_refund_policy", "demo-4", "{\"order_id\":\"FW-1061\"}", NULL },
	};
	struct a_call c[array_len(what)];

	ask(&s, what, c, (int)array_len(what));
	assert_int_equal(nrows(&c[0]), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(json_int(row(&c[0], i), "refundable", 0), 1);
		assert_int_equal(json_int(row(&c[0], i), "needs_person", 1), 0);
		assert_true(json_int(row(&c[0], i), "amount_cents", 0) < 50000);
	}
	is_str(row(&c[0], 0), "item", "Camping stove, 2 x Gas cartridge");
	assert_int_equal(nrows(&c[1]), 2);
	assert_int_equal(c[2].result.status, TOOL_OK);
	is_failed(&c[3], "more than what is left to refund");
	assert_int_equal(json_int(row(&c[4], 0), "amount_cents", 0), 1700);
	assert_int_equal(json_int(row(&c[4], 0), "refundable", 0), 1);
}

static void what_is_not_delivered_is_not_refunded(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "check_refund_policy", "cust-5", NULL, NULL },
		{ "initiate_refund", "cust-5", "{\"order_id\":\"FW-1070\",\"amount_cents\":100}",
		    "1" },
	};
	struct a_call c[array_len(what)];

	ask(&s, what, c, (int)array_len(what));
	assert_int_equal(nrows(&c[0]), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(json_int(row(&c[0], i), "refundable", 1), 0);
		assert_true(text_starts(json_str(row(&c[0], i), "reason"),
		    "it has not been delivered yet, and the 14 days"));
	}
	is_failed(&c[1], "this order has not been delivered yet");
}

static void an_order_of_somebody_else_reads_like_none(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "lookup_order", "demo-1", "{\"order_id\":\"FW-1049\"}", NULL },
		{ "lookup_order", "demo-1", "{\"order_id\":\"FW-9999\"}", NULL },
		{ "check_refund_policy", "demo-1", "{\"order_id\":\"FW-1049\"}", NULL },
		{ "check_refund_policy", "demo-1", "{\"order_id\":\"FW-9999\"}", NULL },
		{ "initiate_refund", "demo-1", "{\"order_id\":\"FW-1049\",\"amount_cents\":100}",
		    "1" },
		{ "initiate_refund", "demo-1", "{\"order_id\":\"FW-9999\",\"amount_cents\":100}",
		    "2" },
		{ "lookup_account", "nobody", NULL, NULL },
		{ "lookup_order", NULL, NULL, NULL },
		{ "initiate_refund", NULL, "{\"order_id\":\"FW-1049\",\"amount_cents\":100}", "3" },
		{ "lookup_order", "demo-1", "{\"order_id\":\"' OR customer_id = 'demo-4\"}", NULL },
	};
	struct a_call c[array_len(what)];

	ask(&s, what, c, (int)array_len(what));
	for (int i = 0; i < 4; i++)
		is_ok(&c[i], "{\"rows\":[],\"truncated\":false}");
	is_failed(&c[4], "there is no such order");
	assert_string_equal(c[4].text, c[5].text);
	is_ok(&c[6], "null");
	is_failed(&c[7], "no customer is known in this conversation");
	is_failed(&c[8], "no customer is known in this conversation");
	is_ok(&c[9], "{\"rows\":[],\"truncated\":false}");
}

static void a_membership_ends_once_and_stays_until_it_is_paid_for(void **state)
{
	struct shop s = open_shop(state);
	static const struct asked what[] = {
		{ "check_cancellation_policy", "demo-1", NULL, NULL },
		{ "cancel_subscription", "demo-1", NULL, "1" },
		{ "cancel_subscription", "demo-1", NULL, "1" },
		{ "cancel_subscription", "demo-1", NULL, "2" },
		{ "check_cancellation_policy", "demo-1", NULL, NULL },
		{ "lookup_account", "demo-1", NULL, NULL },
		{ "check_cancellation_policy", "demo-2", NULL, NULL },
		{ "check_cancellation_policy", "cust-5", NULL, NULL },
	};
	struct a_call c[array_len(what)];

	ask(&s, what, c, (int)array_len(what));
	assert_int_equal(json_int(c[0].result.value, "cancellable", 0), 1);
	assert_non_null(strstr(json_str(c[0].result.value, "what_it_means"), "stays active"));
	is_str(c[1].result.value, "status", "cancelled");
	is_str(c[1].result.value, "ends_on", json_str(c[0].result.value, "period_ends_on"));
	is_ok(&c[2], c[1].text);
	is_failed(&c[3], "nothing was changed");
	assert_int_equal(json_int(c[4].result.value, "cancellable", 1), 0);
	is_str(c[5].result.value, "subscription_status", "cancelled");
	assert_int_equal(json_int(c[6].result.value, "cancellable", 0), 1);
	is_ok(&c[7], "null");
}

static int first_text(void *arg, const struct db_value *values, int n)
{
	(void)n;
	snprintf(arg, 200, "%s", db_text(&values[0]) ? db_text(&values[0]) : "null");
	return 1;
}

static void the_data_is_right_in_itself(void **state)
{
	static const char *const offenders[] = {
		"SELECT order_id FROM order_overview o WHERE total_cents <> "
		"(SELECT sum(amount_cents) FROM payments p WHERE p.order_id = o.order_id)",
		"SELECT order_id FROM order_overview WHERE refunded_cents > total_cents",
		"SELECT id FROM orders WHERE delivered_on < ordered_on OR delivered_on > "
		"date('now')",
		"SELECT r.order_id FROM refunds r JOIN orders o ON o.id = r.order_id "
		"WHERE r.customer_id <> o.customer_id",
		"SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id "
		"WHERE o.ordered_on < c.customer_since",
		"SELECT id FROM orders WHERE id NOT GLOB 'FW-[0-9][0-9][0-9][0-9]'",
		/* What happened before the trigger was there would have been refused by it
		   otherwise. */
		"SELECT r.order_id FROM refunds r JOIN refund_policy p USING (order_id) "
		"WHERE r.made_on > p.refund_until",
	};
	struct shop s = open_shop(state);
	struct err e = { 0 };
	struct sqlite *c = sqlite_open(s.p->file, SQLITE_READS, &e);

	assert_non_null(c);
	for (size_t i = 0; i < array_len(offenders); i++) {
		char found[200] = "";

		if (sqlite_run(c, offenders[i], NULL, 0, first_text, found, NULL, &e) < 0)
			fail_msg("%s: %s", offenders[i], e.msg);
		if (found[0])
			fail_msg("%s: %s", found, offenders[i]);
	}
	sqlite_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_columns_are_those_that_the_playbook_reads),
		TEST(demo_1_has_one_recent_order_and_gets_it_refunded_once),
		TEST(demo_2_gets_no_refund_above_500_not_even_in_parts),
		TEST(demo_3_is_late_and_premium_would_not_be),
		TEST(the_last_day_of_the_window_still_counts),
		TEST(demo_4_has_two_orders_to_choose_from),
		TEST(what_is_not_delivered_is_not_refunded),
		TEST(an_order_of_somebody_else_reads_like_none),
		TEST(a_membership_ends_once_and_stays_until_it_is_paid_for),
		TEST(the_data_is_right_in_itself),
	};

	log_level(LOG_ERROR);
	return cmocka_run_group_tests_name("the demo shop", tests, NULL, NULL);
}
