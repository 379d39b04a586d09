#include "tests/agent/recorder.h"

/* Who makes a recap: a model in the background that no turn waits for, or, where it fails or is
 * dear, nobody; and that a crash at any moment leaves it due. */

struct writer {
	struct model model;
	int64_t delay_ms;
	const char *text, *error;
	bool calls, cut;
	int asked;
	char *given;
};

static int write_recap(const struct model *model, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	struct writer *m = container_of(model, struct writer, model);

	m->asked++;
	free(m->given);
	m->given = mem_strdup(buf_str(wire_bytes(r->history, &scripted_dialect)));
	if (m->delay_ms && fiber_sleep(m->delay_ms, e) < 0)
		return -1;
	if (m->error)
		return err_set(e, ERR_IO, "%s", m->error);
	out->text = m->text;
	out->usage = (struct model_usage){ .input_tokens = 700, .output_tokens = 70 };
	if (m->calls)
		call(mem, out, "quick", json_object());
	if (m->cut)
		out->stop = MODEL_CUT;
	return CHECK(!sink->text) ? 0 : -1; /* a recap is read when it is whole */
}

static const struct model_class writing = { .name = "writing", .complete = write_recap };
static const struct model_class builtin = {
	.name = "builtin", .complete = write_recap, .takes_no_tokens = true
};

static void use_router(struct kit *k, struct writer *m, const struct model **chain)
{
	m->model = (struct model){ .class = &writing, .name = "small" };
	chain[0] = &m->model;
	k->config.router = chain;
	k->config.nrouter = 1;
	kit_restart_agent(k);
}

RECAP_TEST(the_router_writes_it_and_no_turn_waits)
{
	struct writer m = { .delay_ms = 3000, .text = "\nWants:\n- order number 9\n" };
	const struct model *chain[1];
	const struct event *ev;
	struct err e = { 0 };
	int64_t start, tokens;

	use_router(k, &m, chain);
	talk(k, c, 19);
	start = fiber_now();
	talk(k, c, 1); /* the 20th reads all */
	CHECK(fiber_now() - start <= 500);
	CHECK_INT(m.asked, 1);
	CHECK_HAS(m.given, "Customer: Where is my order number 0? It is late.\\nCall quick: ");
	CHECK_STR(first(c), "(no recap)");
	tokens = conversation_head(c)->input_tokens;
	fiber_sleep(5000, &e);
	CHECK_STR(first(c), "Wants:\n- order number 9");
	CHECK_INT(wire_turns(conversation_wire(c)), 10);
	ev = newest_recap(k, mem, c);
	CHECK_STR(json_str(ev->data, "by"), "small");
	CHECK_INT(json_int(ev->data, "ms", 0), 3000);
	CHECK_INT(json_int(json_object_get(ev->data, "usage"), "input_tokens", 0), 700);
	CHECK_INT(conversation_head(c)->input_tokens - tokens, 700);
	talk(k, c, 9);
	CHECK_INT(m.asked, 2);
	CHECK_HAS(m.given, "Notes so far: Wants:\\n- order number 9\\nCustomer: ");
	fiber_sleep(5000, &e);
	CHECK_INT(json_int(newest_recap(k, mem, c)->data, "turns", 0), 20);
	free(m.given);
}

RECAP_TEST(one_that_comes_while_a_turn_is_open_waits_for_its_end)
{
	struct writer m = { .delay_ms = 3000, .text = "- order number 9" };
	const struct model *chain[1];
	struct err e = { 0 };
	const struct event *events;
	int n, at = 0;

	use_router(k, &m, chain);
	talk(k, c, 19);
	fiber_sleep(2900, &e);
	recorder.asked = 0;
	talk(k, c, 1); /* with a refund: from 2900 to 3400 */
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 1);
	events = kit_events(k, mem, c, &n);
	while (at < n && events[at].kind != EVENT_RECAP)
		at++;
	CHECK_INT(events[at - 1].kind, EVENT_TURN_ENDED);
	CHECK_INT(json_int(events[at].data, "turns", 0), 10);
	CHECK_INT(events[at].at, events[at - 1].at);
	free(m.given);
	CHECK_STR(first(c), "- order number 9");
}

RECAP_TEST(what_is_no_recap_is_not_taken_for_one)
{
	static char long_[5000] = "- ";
	struct writer bad[] = { { .text = "" }, { .text = " \n" }, { .text = "All is well." },
		{ .text = "- your order is FW-99887" }, { .text = "- x", .calls = true },
		{ .text = "- x", .cut = true }, { .text = long_ }, { .text = "- \xff" },
		{ .text = "- x", .error = "out of order" },
		{ .text = "- x", .delay_ms = 1000000 } };
	const struct model *chain[1];
	struct err e = { 0 };

	memset(long_ + 2, 'x', sizeof(long_) - 3);
	for (size_t i = 0; i < array_len(bad); i++) {
		use_router(k, &bad[i], chain);
		talk(k, c, i ? 10 : 19);
		fiber_sleep(20100, &e);
		CHECK_INT(bad[i].asked, 1);
		CHECK_INT(kit_count(k, c, EVENT_RECAP), (int)i + 1);
		CHECK_STR(json_str(newest_recap(k, mem, c)->data, "by"), "extract");
		CHECK_INT(json_int(newest_recap(k, mem, c)->data, "turns", 0), 10 * (int)(i + 1));
		free(bad[i].given);
	}
}

RECAP_TEST(builtin_is_not_asked_and_the_second_is_when_the_first_fails)
{
	struct writer none = { .model = { .class = &builtin, .name = "builtin" } },
		      down = { .error = "down" },
		      good = { .model = { .class = &writing, .name = "good" }, .text = "- fine" };
	const struct model *chain[3];
	struct err e = { 0 };

	use_router(k, &down, chain);
	chain[0] = &none.model;
	chain[1] = &down.model;
	chain[2] = &good.model;
	k->config.nrouter = 3;
	kit_restart_agent(k);
	talk(k, c, 19);
	fiber_sleep(1, &e);
	CHECK_INT(none.asked, 0);
	CHECK_INT(down.asked, 1);
	CHECK_STR(json_str(newest_recap(k, mem, c)->data, "by"), "good");
	free(down.given);
	free(good.given);
}

/* Ten millionths for a token in, a hundred for one out. */
static const struct price ten = { .input = 10000000, .output = 100000000 };
static const struct price_list priced[] = { { "small", &ten, 1 } };

RECAP_TEST(what_a_recap_costs_is_in_its_event_and_within_the_limits)
{
	struct writer m = { .text = "- fine" };
	const struct model *chain[1];
	const struct event *ev;
	struct err e = { 0 };

	k->config.prices = priced;
	k->config.nprices = 1;
	k->config.limits.answer_tokens = 10;
	k->config.limits.conversation_cost = 20000;
	recorder.only_reads = true;
	talk(k, c, 18);
	k->config.limits.turn_tokens =
	    600 +
	    json_int(json_object_get(kit_event(k, mem, c, EVENT_TURN_ENDED, 17)->data, "usage"),
		"input_tokens", 0); /* enough for a turn, not for one and the recap */
	use_router(k, &m, chain);
	talk(k, c, 1);
	fiber_sleep(1, &e);
	ev = newest_recap(k, mem, c);
	CHECK_STR(json_str(ev->data, "by"), "small");
	CHECK_INT(json_int(ev->data, "cost", 0), 700 * 10 + 70 * 100);
	CHECK_INT(conversation_head(c)->cost, 14000);
	talk(k, c, 10);
	fiber_sleep(1, &e);
	CHECK_INT(m.asked, 1);
	ev = newest_recap(k, mem, c);
	CHECK_STR(json_str(ev->data, "by"), "extract");
	CHECK(!json_object_get(ev->data, "cost"));
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 0);
	free(m.given);
}

RECAP_TEST(an_agent_that_stops_leaves_it_due)
{
	struct writer m = { .delay_ms = 3000, .text = "- fine" };
	const struct model *chain[1];
	struct err e = { 0 };

	use_router(k, &m, chain);
	talk(k, c, 19);
	kit_restart_agent(k);
	fiber_sleep(5000, &e);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 0);
	talk(k, c, 1);
	fiber_sleep(5000, &e);
	CHECK_INT(m.asked, 2);
	CHECK_INT(json_int(newest_recap(k, mem, c)->data, "turns", 0), 10);
	free(m.given);
}

RECAP_TEST(a_recap_that_comes_late_changes_nothing)
{
	struct writer m = { .delay_ms = 3000, .text = "- fine" };
	const struct model *chain[1];
	struct err e = { 0 };
	int n;

	use_router(k, &m, chain);
	talk(k, c, 19);
	talk_much(k, c, 10, 20000);
	n = kit_count(k, c, EVENT_RECAP); /* at once: there was no more room */
	CHECK(n > 0);
	fiber_sleep(5000, &e);
	CHECK_INT(m.asked, 1);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), n + 1); /* what it cost is in the log */
	CHECK_STR(json_str(newest_recap(k, mem, c)->data, "by"), "small");
	CHECK(
	    conversation_head(c)->recap_upto > json_int(newest_recap(k, mem, c)->data, "upto", 0));
	CHECK(text_starts(first(c), "Wants:"));
	free(m.given);
}

/* The process dies at any moment around the turns where recaps are due, and another goes on. */

static struct kit kit;
static struct writer small = { .delay_ms = 300, .text = "Wants:\n- it" };
static char id[WORLD_ID_SIZE];
static int64_t crash_at;
static int found[3]; /* recaps before the crash: none, one, more */

static void crash_later(void *arg)
{
	struct err e;

	(void)arg;
	if (fiber_sleep(crash_at, &e) == 0)
		world_crash(check_world());
}

/* Until so many turns have ended, or the process. */
static void talk_until(struct conversation *c, int turns)
{
	struct err e = { 0 };
	int64_t seq;

	while (conversation_head(c)->turns_all < turns) {
		if (!conversation_head(c)->open_since &&
		    agent_message(kit.agent, c, "where is it?", NULL, &seq, &e) < 0)
			return;
		if (conversation_wait(c, conversation_committed(c), FOREVER, &e) < 0)
			return;
	}
}

static void until_the_crash(void *arg)
{
	static const struct model *chain[1];
	struct conversation *c;
	struct scope s;

	(void)arg;
	kit_open(&kit, check_world(), &ledger, "[]");
	use_recorder(&kit);
	use_router(&kit, &small, chain);
	c = kit_conversation(&kit);
	talk_until(c, 17);
	world_sim_jitter(check_world(), 30);
	strcpy(id, conversation_id(c));
	scope_open(&s, FOREVER);
	scope_go(&s, crash_later, NULL);
	talk_until(c, 31);
	scope_join(&s);
	conversation_close(c);
	kit_close(&kit);
}

/* Each recap covers whole turns, and more than the one before. */
static void check_recaps(struct conversation *c, struct arena *mem)
{
	int n, ended = 0, answers = 0, asked = 0;
	int64_t upto = 0;
	const struct event *events = kit_events(&kit, mem, c, &n);
	struct head again;

	head_init(&again);
	for (int i = 0; i < n; i++) {
		const char *role = json_str_or(events[i].data, "role", "");

		head_apply(&again, &events[i]);
		ended += events[i].kind == EVENT_TURN_ENDED;
		answers += !strcmp(role, "ai");
		asked += !strcmp(role, "customer");
		if (events[i].kind != EVENT_RECAP)
			continue;
		CHECK(json_int(events[i].data, "upto", 0) > upto);
		upto = json_int(events[i].data, "upto", 0);
		CHECK_INT(events[upto - 1].kind, EVENT_TURN_ENDED);
		CHECK(json_int(events[i].data, "turns", 0) <= ended - 9);
	}
	CHECK_INT(answers, asked);
	CHECK_STR(head_write(conversation_head(c), mem), head_write(&again, mem));
	CHECK(conversation_head(c)->recap_upto);
	CHECK_INT(conversation_head(c)->recap_upto, upto);
	head_done(&again);
}

static void after_the_crash(void *arg)
{
	struct arena *mem = arena_new();
	struct conversation *c, *cold;
	struct conversations *others;
	struct err e = { 0 };
	int n;

	(void)arg;
	kit_reopen(&kit, check_world());
	CHECK_OK(agent_resume(kit.agent, &e), &e);
	c = conversation_open(kit.all, id, &e);
	if (!CHECK(c))
		return;
	n = kit_count(&kit, c, EVENT_RECAP);
	found[n < 2 ? n : 2]++;
	talk_until(c, 32);
	fiber_sleep(1000, &e);
	kit_wait(&kit, c);
	check_recaps(c, mem);
	others = conversations_new(kit.world, kit.store, 1 << 20);
	cold = conversation_open(others, id, &e);
	CHECK_STR(known(cold, mem), known(c, mem));
	conversation_close(cold);
	conversation_close(c);
	conversations_free(others);
	kit_close(&kit);
	kit_remove(&kit);
	arena_free(mem);
}

static void a_recap_that_a_crash_cut_short_is_due_again(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		ledger = (struct bank){ 0 };
		crash_at = 50 * i;
		check_in_sim_seed(check_seed() + (uint64_t)i, until_the_crash, NULL);
		check_in_sim_seed(check_seed() + (uint64_t)i + 1000, after_the_crash, NULL);
	}
	fprintf(stderr, "crashes before any recap: %d, with one: %d, with more: %d\n", found[0],
	    found[1], found[2]);
	assert_true(found[0] > 5 && found[1] > 5 && found[2] > 5);
	free(small.given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(the_router_writes_it_and_no_turn_waits),
		SIM_TEST(one_that_comes_while_a_turn_is_open_waits_for_its_end),
		SIM_TEST(what_is_no_recap_is_not_taken_for_one),
		SIM_TEST(builtin_is_not_asked_and_the_second_is_when_the_first_fails),
		SIM_TEST(what_a_recap_costs_is_in_its_event_and_within_the_limits),
		SIM_TEST(an_agent_that_stops_leaves_it_due),
		SIM_TEST(a_recap_that_comes_late_changes_nothing),
		cmocka_unit_test(a_recap_that_a_crash_cut_short_is_due_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
