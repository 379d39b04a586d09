#include "kit.h"

#include "base/mem.h"
#include "base/text.h"
#include "conversation/usage.h"

#include <stdio.h>
#include <string.h>

/* What a turn may use: calls, tokens, money, and who answers a hard one. */

#define DAY_MS ((int64_t)86400000)

static struct bank ledger;

#define BUDGET_TEST(name_, steps_)                                                                 \
	static void name_##_body(struct kit *k, struct arena *mem, struct conversation *c);        \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct kit k;                                                                      \
		struct arena *mem = arena_new();                                                   \
		struct conversation *c;                                                            \
                                                                                                   \
		ledger = (struct bank){ 0 };                                                       \
		kit_open(&k, w, &ledger, steps_);                                                  \
		c = kit_conversation(&k);                                                          \
		name_##_body(&k, mem, c);                                                          \
		conversation_close(c);                                                             \
		kit_close(&k);                                                                     \
		kit_remove(&k);                                                                    \
		arena_free(mem);                                                                   \
	}                                                                                          \
	static void name_##_body(struct kit *k, struct arena *mem, struct conversation *c)

/* A provider: answers with the customer's last word and counts. */
struct meter {
	struct model model;
	struct model_usage usage;
	int64_t takes_ms;
	int fails; /* so many calls fail first, and are counted all the same */
	enum model_fault fault;
	int calls;
	bool pauses; /* and goes on as long as it may, a hundred times at most */
	char done[80]; /* the last request's calls, and whose they are: "quick by scripted " */
};

static int complete(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	struct meter *meter = container_of((struct model *)(uintptr_t)m, struct meter, model);

	(void)mem;
	meter->calls++;
	meter->done[0] = '\0';
	for (int i = 0; i < r->ndone; i++) {
		size_t n = strlen(meter->done);

		snprintf(meter->done + n, sizeof(meter->done) - n, "%s by %s ", r->done[i].name,
		    r->done[i].by);
	}
	if (meter->takes_ms && fiber_sleep(meter->takes_ms, e) < 0)
		return -1;
	out->usage = meter->usage;
	out->text = m->name;
	for (int n = 0; meter->pauses && n < 99 && sink->more(sink->self, &out->usage, e) == 0; n++) {
		out->usage.input_tokens += meter->usage.input_tokens;
		out->usage.output_tokens += meter->usage.output_tokens;
	}
	if (meter->fails-- <= 0)
		return 0;
	out->fault = meter->fault;
	return err_set(e, ERR_IO, "out of order");
}

static const struct model_class metered = { .name = "meter", .complete = complete },
				free_of_charge = { .name = "free",
					.complete = complete,
					.takes_no_tokens = true };

/* Ten millionths for a token in, a hundred for one out, one for one from the cache. */
static const struct price ten = {
	.input = 10000000, .output = 100000000, .cache_read = 1000000, .cache_write = 10000000
};
static const struct price_list priced[] = { { "paid", &ten, 1 } };

struct chain_of {
	struct meter paid, free;
	const struct model *list[2];
};

/* "paid" takes a hundred tokens, a third of what it is given by our count, and gives ten of at most
 * ten: 2,000 millionths. */
static struct chain_of chain_of(void)
{
	struct chain_of chain = { .paid = { .model = { .class = &metered, .name = "paid" },
				      .usage = { .input_tokens = 100, .output_tokens = 10 } },
		.free = { .model = { .class = &free_of_charge, .name = "free" } } };

	return chain;
}

static void use(struct kit *k, struct chain_of *chain, int n)
{
	chain->list[0] = &chain->paid.model;
	chain->list[1] = &chain->free.model;
	k->config.chain = chain->list;
	k->config.nchain = n;
	k->config.prices = priced;
	k->config.nprices = 1;
	k->config.limits.answer_tokens = 10;
	kit_restart_agent(k);
}

static json_t *data_of(
    struct kit *k, struct arena *mem, struct conversation *c, enum event_kind kind, int nth)
{
	const struct event *ev = kit_event(k, mem, c, kind, nth);

	return ev ? json_unconst(ev->data) : NULL;
}

static const char *rule(struct kit *k, struct arena *mem, struct conversation *c)
{
	const char *s = json_str(data_of(k, mem, c, EVENT_ESCALATED, 0), "rule");

	return s ? s : "none";
}

/* What is written down. */

BUDGET_TEST(a_step_says_what_it_used_and_cost, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	json_t *step, *end;

	chain.paid.usage.cache_read_tokens = 40;
	use(k, &chain, 1);
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	step = data_of(k, mem, c, EVENT_STEP, 0);
	CHECK_STR(json_text(mem, json_object_get(step, "usage")),
	    "{\"input_tokens\":100,\"output_tokens\":10,\"cache_read_tokens\":40}");
	CHECK_INT(json_int(step, "cost", -1), 600 + 40 + 1000);
	CHECK(!json_object_get(step, "attempts"));
	kit_say(k, mem, c, "hello");
	end = data_of(k, mem, c, EVENT_TURN_ENDED, 1);
	CHECK_INT(json_int(end, "cost", -1), 1640);
	CHECK_INT(json_int(json_object_get(end, "usage"), "cache_read_tokens", -1), 40);
	CHECK(!json_object_get(end, "lost_cost"));
	CHECK_INT(conversation_head(c)->cost, 3280);
}

BUDGET_TEST(without_a_price_the_cost_is_not_known, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();

	use(k, &chain, 1);
	k->config.nprices = 0;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	CHECK(json_is_null(json_object_get(data_of(k, mem, c, EVENT_STEP, 0), "cost")));
	CHECK(json_is_null(json_object_get(data_of(k, mem, c, EVENT_TURN_ENDED, 0), "cost")));
	CHECK_INT(conversation_head(c)->cost, 0);
}

BUDGET_TEST(what_failed_attempts_used_is_counted_with_the_step, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	json_t *step;

	chain.paid.fails = 2;
	chain.paid.fault = MODEL_FAULT_BUSY;
	use(k, &chain, 1);
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	step = data_of(k, mem, c, EVENT_STEP, 0);
	CHECK_INT(json_int(step, "attempts", 1), 3);
	CHECK_INT(json_int(step, "cost", -1), 6000);
	CHECK_INT(json_int(json_object_get(step, "usage"), "input_tokens", -1), 300);
}

BUDGET_TEST(what_was_spent_for_nothing_is_counted_at_the_end, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	json_t *end;
	struct err e = { 0 };
	int64_t spent = 0;

	chain.paid.fails = 9;
	chain.paid.fault = MODEL_FAULT_REFUSED;
	use(k, &chain, 1);
	CHECK_HAS(kit_say(k, mem, c, "hello"), "I have asked a colleague");
	end = data_of(k, mem, c, EVENT_TURN_ENDED, 0);
	CHECK_INT(json_int(end, "cost", -1), 2000);
	CHECK_INT(json_int(end, "lost_cost", -1), 2000);
	CHECK_INT(conversation_head(c)->cost, 2000);
	CHECK_OK(conversations_spent(k->all, usage_day(world_time(k->world)), &spent, &e), &e);
	CHECK_INT(spent, 2000);
}

BUDGET_TEST(a_provider_that_does_not_count_is_counted, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	int64_t in;

	chain.paid.usage = (struct model_usage){ 0 };
	use(k, &chain, 1);
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	in = json_int(
	    json_object_get(data_of(k, mem, c, EVENT_STEP, 0), "usage"), "input_tokens", -1);
	CHECK(in > 100);
	CHECK_INT(json_int(data_of(k, mem, c, EVENT_STEP, 0), "cost", -1), in * 10 + 200);
}

/* Limits. */

BUDGET_TEST(a_turn_ends_at_its_limit_of_tokens,
    "[{\"calls\":[{\"name\":\"quick\"}]},{\"calls\":[{\"name\":\"quick\"}]},{\"calls\":[{\"name\":"
    "\"quick\"}]},{\"text\":\"Done.\"}]")
{
	/* A request is some 400 tokens, by three bytes each, and counted by this model as less. */
	k->config.limits.turn_tokens = 600;
	k->config.limits.answer_tokens = 10;
	kit_restart_agent(k);
	CHECK_HAS(kit_say(k, mem, c, "hello"), "I have asked a colleague");
	CHECK_STR(rule(k, mem, c), "limit_tokens");
	CHECK(kit_count(k, c, EVENT_STEP) >= 1);
	CHECK(kit_count(k, c, EVENT_STEP) < 4);
	CHECK_INT(conversation_head(c)->owner, OWNER_WAITING);
}

BUDGET_TEST(who_would_exceed_a_limit_is_passed_over, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();

	use(k, &chain, 2);
	k->config.limits.turn_cost = 100;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "hello"), "free");
	CHECK_INT(chain.paid.calls, 0);
	CHECK_STR(rule(k, mem, c), "none");
	CHECK_INT(json_int(data_of(k, mem, c, EVENT_STEP, 0), "cost", -1), 0);
}

BUDGET_TEST(a_turn_ends_at_its_limit_of_money, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();

	use(k, &chain, 1);
	k->config.limits.turn_cost = 100;
	kit_restart_agent(k);
	CHECK_HAS(kit_say(k, mem, c, "hello"), "I have asked a colleague");
	CHECK_STR(rule(k, mem, c), "limit_cost");
	CHECK_INT(chain.paid.calls, 0);
}

BUDGET_TEST(a_conversation_ends_at_its_limit_of_money, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	struct conversation *other = kit_conversation(k);

	use(k, &chain, 1);
	k->config.limits.conversation_cost = 20000;
	kit_restart_agent(k);
	for (int i = 0; i < 20; i++)
		kit_say(k, mem, c, "hello");
	CHECK(conversation_head(c)->cost <= 20000);
	CHECK(conversation_head(c)->cost >= 8000);
	CHECK_STR(rule(k, mem, c), "limit_cost");
	CHECK_STR(kit_say(k, mem, other, "hello"), "paid"); /* it is that conversation's alone */
	conversation_close(other);
}

BUDGET_TEST(a_provider_that_pauses_is_held_to_the_limits_too, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	struct limits *l = &k->config.limits;

	use(k, &chain, 1);
	chain.paid.pauses = true;
	for (int i = 0; i < 4; i++) {
		int64_t before = conversation_head(c)->cost;

		l->turn_cost = i == 0 ? 20000 : 0;
		l->conversation_cost = i == 1 ? before + 20000 : 0;
		l->day_cost = i == 2 ? before + 20000 : 0;
		l->turn_tokens = i == 3 ? 2000 : 0;
		kit_restart_agent(k);
		CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
		CHECK(conversation_head(c)->cost > before + 2000);
		CHECK(conversation_head(c)->cost <= before + 2000 * 2000 / 110);
		if (i < 3)
			CHECK(conversation_head(c)->cost <= before + 20000);
	}
}

/* A day. */

struct crowd {
	struct kit *kit;
	struct conversation *c[64];
	int paid;
};

struct member {
	struct crowd *crowd;
	int nth;
};

static void join(void *arg)
{
	struct member *m = arg;
	struct arena *mem = arena_new();

	m->crowd->paid +=
	    text_is(kit_say(m->crowd->kit, mem, m->crowd->c[m->nth], "hello"), "paid");
	arena_free(mem);
}

static void all_at_once(struct crowd *crowd)
{
	struct member members[64];
	struct scope s;

	crowd->paid = 0;
	scope_open(&s, FOREVER);
	for (int i = 0; i < 64; i++) {
		members[i] = (struct member){ crowd, i };
		scope_go(&s, join, &members[i]);
	}
	scope_join(&s);
}

static int64_t spent_on(struct kit *k, int64_t day)
{
	struct err e = { 0 };
	int64_t spent = -1;

	CHECK_OK(conversations_spent(k->all, day, &spent, &e), &e);
	return spent;
}

BUDGET_TEST(turns_at_once_never_exceed_the_day_together, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	struct crowd crowd = { .kit = k };

	(void)c;
	(void)mem;
	chain.paid.takes_ms = 1000;
	use(k, &chain, 2);
	k->config.limits.day_cost = 100000;
	kit_restart_agent(k);
	for (int i = 0; i < 64; i++)
		crowd.c[i] = kit_conversation(k);
	/* Again and again, so that what was reserved and not used is used in the end. */
	for (int round = 0; round < 4; round++) {
		all_at_once(&crowd);
		CHECK(spent_on(k, usage_day(world_time(k->world))) <= 100000);
	}
	CHECK(spent_on(k, usage_day(world_time(k->world))) >= 80000);
	CHECK_INT(chain.paid.calls, spent_on(k, usage_day(world_time(k->world))) / 2000);
	for (int i = 0; i < 64; i++)
		conversation_close(crowd.c[i]);
}

BUDGET_TEST(a_restart_keeps_the_days_sum_and_midnight_ends_it, "[{\"text\":\"-\"}]")
{
	struct chain_of chain = chain_of();
	struct err e = { 0 };
	int64_t day;

	use(k, &chain, 2);
	k->config.limits.day_cost = 20000;
	kit_restart_agent(k);
	day = usage_day(world_time(k->world));
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	kit_restart_agent(k);
	while (text_is(kit_say(k, mem, c, "hello"), "paid"))
		;
	CHECK(spent_on(k, day) <= 20000);
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "hello"), "free");
	/* To the last millisecond of the day, and over it. */
	CHECK_OK(fiber_sleep((day + 1) * DAY_MS - 1 - world_time(k->world), &e), &e);
	CHECK_STR(kit_say(k, mem, c, "hello"), "free");
	CHECK_OK(fiber_sleep(1, &e), &e);
	CHECK_STR(kit_say(k, mem, c, "hello"), "paid");
	CHECK_INT(spent_on(k, day + 1), 2000);
	CHECK(spent_on(k, day) >= 12000);
}

/* Calls. */

#define QUICK "{\"calls\":[{\"name\":\"quick\"}]}"

BUDGET_TEST(a_call_that_was_answered_alike_three_times_is_refused,
    "[" QUICK "," QUICK "," QUICK "," QUICK ",{\"calls\":[{\"name\":\"quick\",\"arguments\":{\"x\":"
    "1}}]},{\"text\":\"Done.\"}]")
{
	k->config.limits.identical_calls = 3;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "hello"), "Done.");
	CHECK_STR(ledger.order, "quick quick quick quick "); /* the last with other arguments */
	CHECK_HAS(json_str(data_of(k, mem, c, EVENT_RESULT, 3), "reason"),
	    "Tool quick failed: it was called 3 times with these arguments, and each time");
	CHECK(json_flag(data_of(k, mem, c, EVENT_RESULT, 4), "ok"));
}

/* Answers that are none. */

BUDGET_TEST(of_an_answer_that_was_cut_off_the_whole_sentences_stay,
    "[{\"text\":\"It is blue. It costs 3.\",\"cut\":true}]")
{
	CHECK_STR(kit_say(k, mem, c, "which?"), "It is blue. ");
	CHECK(json_flag(data_of(k, mem, c, EVENT_STEP, 0), "cut"));
	CHECK_STR(wire_at(conversation_wire(c), 1)->text, "It is blue. ");
}

BUDGET_TEST(without_a_whole_sentence_it_is_asked_once_more,
    "[{\"text\":\"It is\",\"cut\":true},{\"text\":\"It is blue.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "which?"), "It is blue.");
	CHECK(json_flag(data_of(k, mem, c, EVENT_STEP, 0), "empty"));
	CHECK_STR(rule(k, mem, c), "none");
}

BUDGET_TEST(an_answer_without_a_word_is_asked_for_once_more,
    "[" QUICK ",{\"text\":\"  \"},{\"text\":\"It is blue.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "which?"), "It is blue.");
	CHECK_INT(kit_count(k, c, EVENT_STEP), 3);
	CHECK_INT(wire_len(conversation_wire(c)), 4); /* nothing of the empty one */
}

BUDGET_TEST(
    after_a_second_one_a_person_is_asked, "[{\"text\":\"\"},{\"text\":\"\"},{\"text\":\"-\"}]")
{
	CHECK_HAS(kit_say(k, mem, c, "which?"), "I have asked a colleague");
	CHECK_STR(rule(k, mem, c), "no_answer");
	CHECK_INT(kit_count(k, c, EVENT_STEP), 2);
}

/* Hard turns. */

static const char *who(struct kit *k, struct arena *mem, struct conversation *c, int step)
{
	const char *s = json_str(data_of(k, mem, c, EVENT_STEP, step), "model");

	return s ? s : "nobody";
}

static void with_strong(struct kit *k, struct meter *strong, struct strong_when when)
{
	static const struct model *list[1];

	*strong = (struct meter){ .model = { .class = &metered, .name = "strong" } };
	list[0] = &strong->model;
	k->config.strong = list;
	k->config.nstrong = 1;
	k->config.strong_when = when;
	kit_restart_agent(k);
}

BUDGET_TEST(many_calls_are_for_the_strong_model,
    "[{\"calls\":[{\"name\":\"quick\"},{\"name\":\"quick\"}]}," QUICK ",{\"text\":\"main\"}]")
{
	struct meter strong;

	with_strong(k, &strong, (struct strong_when){ 3, 100 });
	CHECK_STR(kit_say(k, mem, c, "hello"), "strong");
	CHECK_STR(who(k, mem, c, 0), k->model->name);
	CHECK_STR(who(k, mem, c, 1), k->model->name);
	CHECK_STR(who(k, mem, c, 2), "strong");
	CHECK_INT(strong.calls, 1);
}

BUDGET_TEST(calls_beyond_a_limit_are_no_failures,
    "[{\"calls\":[{\"name\":\"quick\"},{\"name\":\"quick\"},{\"name\":\"quick\"}]},{"
    "\"text\":\"main\"}]")
{
	struct meter strong;

	k->config.limits.tool_calls = 1;
	with_strong(k, &strong, (struct strong_when){ 100, 2 });
	CHECK_STR(kit_say(k, mem, c, "hello"), "main");
	CHECK_INT(strong.calls, 0);
}

BUDGET_TEST(two_failures_are_for_the_strong_model,
    "[{\"calls\":[{\"name\":\"broken\"}]},{\"calls\":[{"
    "\"name\":\"nonsense\"}]},{\"text\":\"main\"}]")
{
	struct meter strong;

	with_strong(k, &strong, (struct strong_when){ 100, 2 });
	CHECK_STR(kit_say(k, mem, c, "hello"), "strong");
	CHECK_INT(strong.calls, 1);
}

BUDGET_TEST(failures_of_models_count_as_well, "[" QUICK "," QUICK ",{\"text\":\"main\"}]")
{
	struct meter strong;
	struct chain_of chain = chain_of();

	chain.paid.fails = 100;
	chain.paid.fault = MODEL_FAULT_REQUEST;
	chain.list[0] = &chain.paid.model;
	chain.list[1] = k->model;
	k->config.chain = chain.list;
	k->config.nchain = 2;
	with_strong(k, &strong, (struct strong_when){ 100, 2 });
	CHECK_STR(kit_say(k, mem, c, "hello"), "strong");
	CHECK_STR(who(k, mem, c, 1), k->model->name);
	CHECK_INT(chain.paid.calls, 2);
}

BUDGET_TEST(when_the_strong_ones_fail_main_answers,
    "[{\"calls\":[{\"name\":\"quick\"}]},{\"text\":\"main\"}]")
{
	struct meter strong;

	with_strong(k, &strong, (struct strong_when){ 1, 100 });
	strong.fails = 100;
	strong.fault = MODEL_FAULT_REQUEST;
	CHECK_STR(kit_say(k, mem, c, "hello"), "main");
	CHECK_INT(strong.calls, 1);
	CHECK_INT(json_int(data_of(k, mem, c, EVENT_STEP, 1), "attempts", 1), 2);
}

BUDGET_TEST(who_goes_on_knows_what_the_other_did, "[{\"calls\":[{\"name\":\"refund\","
						  "\"arguments\":{\"order_id\":\"7\"}}]}]")
{
	struct chain_of chain = chain_of();

	/* The script has no second step: it fails there. */
	chain.list[0] = k->model;
	chain.list[1] = &chain.free.model;
	k->config.chain = chain.list;
	k->config.nchain = 2;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "refund it"), "free");
	CHECK_STR(chain.free.done, arena_printf(mem, "refund by %s ", k->model->name));
	CHECK_INT(bank_times(&ledger, "refund"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(a_step_says_what_it_used_and_cost),
		SIM_TEST(without_a_price_the_cost_is_not_known),
		SIM_TEST(what_failed_attempts_used_is_counted_with_the_step),
		SIM_TEST(what_was_spent_for_nothing_is_counted_at_the_end),
		SIM_TEST(a_provider_that_does_not_count_is_counted),
		SIM_TEST(a_turn_ends_at_its_limit_of_tokens),
		SIM_TEST(who_would_exceed_a_limit_is_passed_over),
		SIM_TEST(a_turn_ends_at_its_limit_of_money),
		SIM_TEST(a_conversation_ends_at_its_limit_of_money),
		SIM_TEST(a_provider_that_pauses_is_held_to_the_limits_too),
		SIM_TEST(turns_at_once_never_exceed_the_day_together),
		SIM_TEST(a_restart_keeps_the_days_sum_and_midnight_ends_it),
		SIM_TEST(a_call_that_was_answered_alike_three_times_is_refused),
		SIM_TEST(of_an_answer_that_was_cut_off_the_whole_sentences_stay),
		SIM_TEST(without_a_whole_sentence_it_is_asked_once_more),
		SIM_TEST(an_answer_without_a_word_is_asked_for_once_more),
		SIM_TEST(after_a_second_one_a_person_is_asked),
		SIM_TEST(many_calls_are_for_the_strong_model),
		SIM_TEST(calls_beyond_a_limit_are_no_failures),
		SIM_TEST(two_failures_are_for_the_strong_model),
		SIM_TEST(failures_of_models_count_as_well),
		SIM_TEST(when_the_strong_ones_fail_main_answers),
		SIM_TEST(who_goes_on_knows_what_the_other_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
