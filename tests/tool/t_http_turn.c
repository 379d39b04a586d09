/* http tools in whole turns: at once, and across a crash between the request and its answer. */
#include "base/mem.h"
#include "base/text.h"
#include "kit.h"
#include "net/http_client.h"
#include "script/script.h"
#include "tool/http.h"

#include <stdlib.h>
#include <string.h>

/* The company's server; it outlives ours. */
static struct payments {
	char keys[16][64]; /* of refunds, each done once */
	int nkeys, refunds, wires, requests;
	bool down; /* after a crash */
} payments;

static struct http_client *client;
static struct script *script;
static struct tool tools[6];
static struct arena *made; /* the tools' own */
static struct kit kit;
static struct bank nothing; /* its own tools are not there */

static bool is_new(const char *key)
{
	for (int i = 0; i < payments.nkeys; i++)
		if (text_is(payments.keys[i], key))
			return false;
	snprintf(payments.keys[payments.nkeys++], sizeof(payments.keys[0]), "%s", key);
	return true;
}

static const char *key_of(const struct http_request *r)
{
	for (int i = 0; i < r->nfields; i++)
		if (text_is(r->fields[i].name, "Idempotency-Key"))
			return r->fields[i].value;
	return NULL;
}

/* A request takes 250 ms to arrive, its answer as long, and a look-up 500 ms in between.  self: the
 * server cannot be reached. */
static void answers(void *self, struct http_sim *x, const struct http_request *r)
{
	static const struct http_field json = { "Content-Type", "application/json" };
	struct err e;

	if (self || fiber_sleep(250, &e) < 0)
		return;
	payments.requests++;
	if (text_is(r->method, "GET") && fiber_sleep(500, &e) < 0)
		return;
	if (strstr(r->url, "/refunds"))
		payments.refunds += is_new(key_of(r));
	if (strstr(r->url, "/wires"))
		payments.wires++;
	if (fiber_sleep(250, &e) < 0 || http_sim_head(x, 200, &json, 1) < 0)
		return;
	http_sim_body(x, "{\"ok\":true}", 11);
}

static void make_tool(struct tool *t, const char *name, const char *path, enum effect effect)
{
	static const char *const hosts[] = { "pay.example" };
	static const struct http_reach reach = { hosts, 1 };
	const struct tool_sources from = { .http = client, .reach = &reach, .script = script };
	struct tool_mistake where;
	struct err e;

	*t = (struct tool){ .name = name,
		.description = name,
		.shown = name,
		.effect = effect,
		.timeout_ms = 5000,
		.kind = &http_tool_kind,
		.parameters = json_read_own(
		    made, "{\"type\":\"object\",\"properties\":{},\"required\":[]}") };
	if (http_tool_kind.make(&from,
		json_in(
		    made, json_pack("{ss so}", "method", effect == EFFECT_WRITE ? "POST" : "GET",
			      "url", json_sprintf("https://pay.example%s/{customer.id}", path))),
		t->parameters, effect, &t->impl, &where, &e) < 0)
		bug("%s: %s", name, e.msg);
}

/* In this world, with this kit. */
static void http_open_tools(struct kit *k)
{
	struct err e;

	made = arena_new();
	script = script_new("USD");
	client = http_client_new(check_world(), 0, &e);
	if (!client)
		bug("%s", e.msg);
	http_client_answers(client, answers, NULL);
	make_tool(&tools[0], "orders", "/orders", EFFECT_READ);
	make_tool(&tools[1], "invoices", "/invoices", EFFECT_READ);
	make_tool(&tools[2], "policy", "/policy", EFFECT_READ);
	make_tool(&tools[3], "refund", "/refunds", EFFECT_WRITE);
	make_tool(&tools[4], "wire", "/wires", EFFECT_WRITE);
	tools[3].repeatable = true;
	k->config.tools = (struct toolbox){ tools, 5 };
	kit_restart_agent(k);
}

static void http_close_tools(struct kit *k)
{
	kit_close(k);
	k->config.tools = (struct toolbox){ 0 };
	for (int i = 0; i < 5; i++)
		http_tool_kind.free(tools[i].impl);
	http_client_free(client);
	script_free(script);
	arena_free(made);
}

static void three_tools_of_a_second_take_a_second(struct world *w)
{
	static const char at_once[] = "[{\"calls\":[{\"name\":\"orders\"},{\"name\":\"invoices\"},"
				      "{\"name\":\"policy\"}]},{\"text\":\"Here they are.\"}]";
	struct arena *mem = arena_new();
	struct conversation *c;
	int64_t start;

	payments = (struct payments){ 0 };
	kit_open(&kit, w, &nothing, at_once);
	http_open_tools(&kit);
	c = kit_conversation(&kit);
	start = fiber_now();
	CHECK_STR(kit_say(&kit, mem, c, "show me"), "Here they are.");
	CHECK_INT(fiber_now() - start, 1000);
	for (int i = 0; i < 3; i++)
		CHECK_STR(json_text(mem, kit_event(&kit, mem, c, EVENT_RESULT, i)->data),
		    arena_printf(mem,
			"{\"call\":\"%s\",\"name\":\"%s\",\"ok\":true,\"write\":false,\"ms\":1000,"
			"\"result\":{\"ok\":true}}",
			json_str(kit_event(&kit, mem, c, EVENT_RESULT, i)->data, "call"),
			tools[i].name));
	conversation_close(c);
	http_close_tools(&kit);
	kit_remove(&kit);
	arena_free(mem);
}

/* Crashes. */

static const char *steps;
static int64_t crash_at;
static char id[WORLD_ID_SIZE];
static int sent_twice, asked_for_a_person;

static void crash_later(void *arg)
{
	struct err e;

	(void)arg;
	if (fiber_sleep(crash_at, &e) == 0)
		world_crash(check_world());
}

static void until_the_crash(void *arg)
{
	struct conversation *c;
	struct err e = { 0 };
	struct scope s;
	int64_t seq;

	(void)arg;
	kit_open(&kit, check_world(), &nothing, steps);
	http_open_tools(&kit);
	c = kit_conversation(&kit);
	strcpy(id, conversation_id(c));
	CHECK_OK(agent_message(kit.agent, c, "please", NULL, &seq, &e), &e);
	scope_open(&s, FOREVER);
	scope_go(&s, crash_later, NULL);
	while (conversation_wait(c, conversation_committed(c), FOREVER, &e) == 0)
		;
	scope_join(&s);
	conversation_close(c);
	http_close_tools(&kit);
}

/* Because nobody knows what became of a write. */
static int escalations(struct conversation *c)
{
	struct arena *mem = arena_new();
	int n = 0, found = 0;
	const struct event *ev;

	while ((ev = kit_event(&kit, mem, c, EVENT_ESCALATED, n++)))
		found += text_is(json_str(ev->data, "rule"), "outcome_unknown");
	arena_free(mem);
	return found;
}

static void after_the_crash(void *arg)
{
	struct conversation *c;
	struct err e = { 0 };

	(void)arg;
	kit_reopen(&kit, check_world());
	http_open_tools(&kit);
	http_client_answers(client, answers, payments.down ? &payments : NULL);
	CHECK_OK(agent_resume(kit.agent, &e), &e);
	c = conversation_open(kit.all, id, &e);
	if (CHECK(c != NULL)) {
		kit_wait(&kit, c);
		asked_for_a_person += escalations(c);
		CHECK_INT(kit_count(&kit, c, EVENT_RESULT), 1);
		conversation_close(c);
	}
	http_close_tools(&kit);
	kit_remove(&kit);
}

/* A write of 500 ms after 200 ms of thinking; crashes every 20 ms. */
static void crash_everywhere(const char *of, void (*check_each)(void))
{
	steps = of;
	sent_twice = asked_for_a_person = 0;
	for (crash_at = 10; crash_at < 900; crash_at += 20) {
		payments = (struct payments){ 0 };
		check_in_sim_seed(check_seed(), until_the_crash, NULL);
		check_in_sim_seed(check_seed() + 1, after_the_crash, NULL);
		sent_twice += payments.requests == 2;
		check_each();
	}
}

static void refunded_once(void)
{
	assert_int_equal(payments.refunds, 1);
	assert_int_equal(payments.nkeys, 1); /* the same key each time */
}

static void with_a_key_it_is_sent_again_and_done_once(void **state)
{
	(void)state;
	crash_everywhere("[{\"calls\":[{\"name\":\"refund\"}],\"delay_ms\":200},"
			 "{\"text\":\"Refunded.\",\"delay_ms\":200}]",
	    refunded_once);
	assert_true(sent_twice >= 10);
	assert_int_equal(asked_for_a_person, 0);
}

/* Refused connections do not tell what became of the one before. */
static void what_a_crash_left_open_stays_open_when_nobody_answers(void **state)
{
	(void)state;
	steps = "[{\"calls\":[{\"name\":\"refund\"}],\"delay_ms\":200},{\"text\":\"Well.\"}]";
	asked_for_a_person = 0;
	payments = (struct payments){ .down = true };
	crash_at = 500; /* sent at 200, done at 450, not answered yet */
	check_in_sim_seed(check_seed(), until_the_crash, NULL);
	check_in_sim_seed(check_seed() + 1, after_the_crash, NULL);
	assert_int_equal(payments.refunds, 1);
	assert_int_equal(asked_for_a_person, 1);
}

static void wired_at_most_once(void)
{
	assert_true(payments.wires <= 1);
	assert_true(payments.requests <= 1);
}

static void without_one_it_is_sent_once_and_a_person_is_asked(void **state)
{
	(void)state;
	crash_everywhere("[{\"calls\":[{\"name\":\"wire\"}],\"delay_ms\":200},"
			 "{\"text\":\"Sent.\",\"delay_ms\":200}]",
	    wired_at_most_once);
	assert_true(asked_for_a_person >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(three_tools_of_a_second_take_a_second),
		cmocka_unit_test(with_a_key_it_is_sent_again_and_done_once),
		cmocka_unit_test(what_a_crash_left_open_stays_open_when_nobody_answers),
		cmocka_unit_test(without_one_it_is_sent_once_and_a_person_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
