#include "check.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/health.h"
#include "model/route.h"

#include <stdio.h>
#include <string.h>

/* Chains of models that fail in every way, on virtual time. */

struct fake {
	struct model model;
	enum model_fault fault; /* how it fails while it is down */
	int64_t up_at;          /* from then on it answers; 0: it is up */
	int64_t down_at;        /* from then on it fails again; 0: never */
	int64_t takes_ms, retry_ms;
	const char *says; /* what it streams before it fails */
	const char *text; /* its answer */
	int fails_of_ten; /* up, but so many of ten calls fail */
	int calls;
	int64_t at[64];    /* when it was asked, the first ones */
	const json_t *saw; /* the opaque of the last request */
	int running, running_most;
};

static bool is_down(const struct fake *f)
{
	if (f->up_at && fiber_now() < f->up_at)
		return true;
	if (f->down_at && fiber_now() >= f->down_at)
		return true;
	return (f->calls - 1) % 10 >= 10 - f->fails_of_ten;
}

static int complete(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	struct fake *f = container_of((struct model *)(uintptr_t)m, struct fake, model);
	bool down;

	(void)mem;
	if (f->calls < (int)array_len(f->at))
		f->at[f->calls] = fiber_now();
	f->calls++;
	f->saw = r->opaque;
	down = is_down(f);
	if (++f->running > f->running_most)
		f->running_most = f->running;
	if (f->takes_ms && fiber_sleep(f->takes_ms, e) < 0) {
		f->running--;
		return -1;
	}
	f->running--;
	if (f->says && sink->text(sink->self, f->says, strlen(f->says), e) < 0)
		return -1;
	out->usage.input_tokens = 10;
	if (!down) {
		out->text = f->text ? f->text : m->name;
		return 0;
	}
	out->fault = f->fault;
	out->retry_ms = f->retry_ms;
	return err_set(e, ERR_IO, "fake trouble");
}

static const struct model_class fake_class = { .name = "fake", .complete = complete };

#define FAKE(name_, ...)                                                                           \
	{                                                                                          \
		.model = { .class = &fake_class, .name = name_ }, .retry_ms = -1, __VA_ARGS__      \
	}

/* One who asks, and what it heard. */
struct bench {
	struct routes *routes;
	const struct route *route;
	struct arena *mem;
	struct route_outcome out;
	struct model_answer answer;
	struct err e;
	const char *origin;
	const json_t *opaque;
	int64_t deadline;
	/* The asker. */
	const char *forbidden; /* a model that is not allowed */
	bool broken;
	int shown, begun, settled, failed;
	int64_t tokens;
};

static int allow(void *self, const struct model *m, struct err *e)
{
	struct bench *b = self;

	return text_is(m->name, b->forbidden) ? err_set(e, ERR_LIMIT, "too dear") : 0;
}

static void settle(void *self, const struct model *m, const struct model_answer *answer, bool ok)
{
	struct bench *b = self;

	(void)m;
	b->settled++;
	b->failed += !ok;
	b->tokens += answer->usage.input_tokens;
}

static int hear(void *self, const char *s, size_t n, struct err *e)
{
	struct bench *b = self;

	(void)s;
	if (b->broken)
		return err_set(e, ERR_CONFLICT, "nobody listens");
	b->shown += n > 0;
	return 0;
}

static struct model_sink begin(void *self)
{
	struct bench *b = self;

	b->begun++;
	b->shown = 0;
	return (struct model_sink){ .text = hear, .self = b };
}

static enum route_text shown(void *self)
{
	struct bench *b = self;

	return b->broken ? ROUTE_BROKEN : b->shown ? ROUTE_SHOWN : ROUTE_UNSEEN;
}

static struct bench bench_open(struct world *w, struct fake *fakes, int n)
{
	struct bench b = { .routes = routes_new(w), .mem = arena_new(), .deadline = FOREVER };
	const struct model **list = arena_array(b.mem, const struct model *, n);

	for (int i = 0; i < n; i++)
		list[i] = &fakes[i].model;
	b.route = routes_add(b.routes, list, n);
	return b;
}

static void bench_close(struct bench *b)
{
	routes_free(b->routes);
	arena_free(b->mem);
}

static int ask(struct bench *b)
{
	struct model_request r = { .opaque = b->opaque };
	struct route_step step = { &r, b->origin, b->deadline };
	struct route_asker asker = {
		.allow = allow, .settle = settle, .begin = begin, .shown = shown, .self = b
	};

	return route_complete(b->route, &step, &asker, b->mem, &b->answer, &b->out, &b->e);
}

static const char *who(struct bench *b)
{
	return ask(b) == 0 ? b->answer.text : "nobody";
}

static void nap(int64_t ms)
{
	struct err e = { 0 };

	CHECK_OK(fiber_sleep(ms, &e), &e);
}

/* Faults. */

static void the_first_that_answers_is_the_one(struct world *w)
{
	struct fake f[] = { FAKE("a"), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	CHECK_STR(who(&b), "a");
	CHECK_INT(b.out.attempts, 1);
	CHECK_INT(b.out.failures, 0);
	CHECK(b.out.who == &f[0].model);
	CHECK_INT(f[1].calls, 0);
	bench_close(&b);
}

static void what_no_second_try_mends_goes_to_the_next_at_once(struct world *w)
{
	static const enum model_fault faults[] = { MODEL_FAULT_NONE, MODEL_FAULT_ACCOUNT,
		MODEL_FAULT_REQUEST, MODEL_FAULT_CONTEXT, MODEL_FAULT_REFUSED };

	for (size_t i = 0; i < array_len(faults); i++) {
		struct fake f[] = { FAKE("a", .fault = faults[i], .up_at = FOREVER), FAKE("b") };
		struct bench b = bench_open(w, f, 2);
		int64_t start = fiber_now();

		CHECK_STR(who(&b), "b");
		CHECK_INT(fiber_now() - start, 0);
		CHECK_INT(f[0].calls, 1);
		CHECK_INT(b.out.attempts, 2);
		CHECK_INT(b.out.failures, 1);
		CHECK_INT(b.out.too_long, faults[i] == MODEL_FAULT_CONTEXT);
		bench_close(&b);
	}
}

static void a_model_that_is_busy_is_asked_three_times(struct world *w)
{
	static const enum model_fault faults[] = { MODEL_FAULT_BUSY, MODEL_FAULT_NETWORK };

	for (size_t i = 0; i < array_len(faults); i++) {
		struct fake f[] = { FAKE("a", .fault = faults[i], .up_at = FOREVER), FAKE("b") };
		struct bench b = bench_open(w, f, 2);
		int64_t first, second;

		CHECK_STR(who(&b), "b");
		CHECK_INT(f[0].calls, 3);
		first = f[0].at[1] - f[0].at[0];
		second = f[0].at[2] - f[0].at[1];
		CHECK(first > 375 - 1 && first <= 500);
		CHECK(second > 750 - 1 && second <= 1000);
		CHECK_INT(b.begun, 4);
		CHECK_INT(b.out.attempts, 4);
		CHECK_INT(b.out.failures, 1);
		CHECK_INT(b.settled, 4);
		CHECK_INT(b.failed, 3);
		CHECK_INT(b.tokens, 40); /* what failed is counted too */
		bench_close(&b);
	}
}

static void the_second_try_may_be_the_one(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_NETWORK, .up_at = fiber_now() + 300),
		FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	CHECK_STR(who(&b), "a");
	CHECK_INT(f[0].calls, 2);
	CHECK_INT(f[1].calls, 0);
	bench_close(&b);
}

static void the_time_that_a_model_names_is_kept(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_BUSY, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2);
	int64_t start = fiber_now();

	f[0].retry_ms = 7000;
	CHECK_STR(who(&b), "b");
	CHECK_INT(f[0].at[1] - start, 7000);
	CHECK_INT(f[0].at[2] - start, 14000);
	/* Longer than a customer should wait: somebody else, at once. */
	f[0].retry_ms = 8001;
	start = fiber_now();
	CHECK_STR(who(&b), "b");
	CHECK_INT(fiber_now() - start, 0);
	bench_close(&b);
}

static void no_second_try_begins_behind_the_deadline(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_BUSY, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2);
	int64_t start = fiber_now();

	f[0].retry_ms = 2000;
	b.deadline = start + 3000;
	CHECK_STR(who(&b), "b");
	CHECK_INT(f[0].calls, 2);
	CHECK_INT(fiber_now() - start, 2000);
	bench_close(&b);
}

static void what_was_shown_is_not_said_again_by_the_same_model(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_NETWORK, .up_at = FOREVER,
				.says = "Let me see."),
		FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	CHECK_STR(who(&b), "b");
	CHECK_INT(f[0].calls, 1);
	bench_close(&b);
}

static void nobody_is_asked_for_who_cannot_hear(struct world *w)
{
	struct fake f[] = { FAKE("a", .says = "Hello."), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	b.broken = true;
	CHECK_INT(ask(&b), -1);
	CHECK_INT(b.e.code, ERR_CONFLICT);
	CHECK_INT(f[1].calls, 0);
	bench_close(&b);
}

static void an_answer_that_is_not_utf8_is_none(struct world *w)
{
	struct fake f[] = { FAKE("a", .text = "\xff"), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	CHECK_STR(who(&b), "b");
	CHECK_INT(b.failed, 1);
	bench_close(&b);
}

static void who_is_not_allowed_is_passed_over(struct world *w)
{
	struct fake f[] = { FAKE("a"), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	b.forbidden = "a";
	CHECK_STR(who(&b), "b");
	CHECK(b.out.refused);
	CHECK_INT(f[0].calls, 0);
	CHECK_INT(b.begun, 1);
	bench_close(&b);
}

static void what_a_model_left_goes_back_to_it_alone(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_REQUEST, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	b.opaque = json_in(b.mem, json_object());
	b.origin = "b";
	CHECK_STR(who(&b), "b");
	CHECK(!f[0].saw);
	CHECK(f[1].saw == b.opaque);
	b.origin = NULL;
	who(&b);
	CHECK(!f[1].saw);
	bench_close(&b);
}

struct cut {
	struct bench *b;
	int result;
};

static void ask_once(void *arg)
{
	struct cut *c = arg;

	c->result = ask(c->b);
}

static void who_is_told_to_stop_asks_nobody_else(struct world *w)
{
	struct fake f[] = { FAKE("a", .takes_ms = 5000), FAKE("b") };
	struct bench b = bench_open(w, f, 2);
	struct cut c = { &b, 0 };
	struct scope s;

	/* Six in a row, and none of them says anything about the model. */
	for (int i = 0; i < 6; i++) {
		scope_open(&s, fiber_now() + 1000);
		scope_run(&s, ask_once, &c);
		scope_join(&s);
		CHECK_INT(c.result, -1);
		CHECK_INT(b.e.code, ERR_TIMEOUT);
		CHECK_INT(b.out.failures, 0);
	}
	CHECK_INT(f[1].calls, 0);
	CHECK_STR(who(&b), "a");
	bench_close(&b);
}

/* Health. */

static void a_model_that_is_down_is_left_out_and_found_again(struct world *w)
{
	int64_t start = fiber_now(), back = start + 60000;
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_NETWORK, .up_at = back), FAKE("b") };
	struct bench b = bench_open(w, f, 2);
	int calls;

	CHECK_STR(who(&b), "b"); /* three failures */
	CHECK_STR(who(&b), "b"); /* two more, and it is out */
	CHECK_INT(f[0].calls, 5);
	for (int i = 0; i < 40; i++)
		CHECK_STR(who(&b), "b");
	CHECK_INT(f[0].calls, 5);
	/* One attempt every five seconds, and no second try. */
	calls = f[0].calls;
	while (fiber_now() < back) {
		CHECK_STR(who(&b), "b");
		nap(100);
	}
	CHECK(f[0].calls - calls <= 12 && f[0].calls - calls >= 11);
	while (!text_is(who(&b), "a"))
		nap(100);
	CHECK(fiber_now() - back <= 5000);
	CHECK_STR(who(&b), "a");
	bench_close(&b);
}

struct crowd {
	struct bench *shared;
	int answered;
	struct scope scope;
};

struct guest {
	struct crowd *crowd;
	struct bench own;
};

static void guest(void *arg)
{
	struct guest *g = arg;

	g->crowd->answered += ask(&g->own) == 0;
}

/* n ask at the same moment. */
static int crowd_ask(struct bench *b, int n)
{
	struct crowd c = { .shared = b };
	struct guest *guests = arena_array(b->mem, struct guest, n);

	scope_open(&c.scope, FOREVER);
	for (int i = 0; i < n; i++) {
		guests[i] = (struct guest){ &c, *b };
		scope_go(&c.scope, guest, &guests[i]);
	}
	scope_join(&c.scope);
	return c.answered;
}

static void only_one_at_a_time_tries_a_model_that_was_down(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_NETWORK, .up_at = FOREVER) };
	struct bench b = bench_open(w, f, 1);

	crowd_ask(&b, 10);
	f[0].calls = f[0].running_most = 0;
	f[0].takes_ms = 4000;
	nap(6000);
	CHECK_INT(crowd_ask(&b, 50), 0);
	CHECK_INT(f[0].calls, 1);
	bench_close(&b);
}

static void one_that_hangs_keeps_nobody_from_finding_it_back(struct world *w)
{
	int64_t back;
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_NETWORK, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2);
	struct crowd c = { .shared = &b };
	struct guest g = { &c, b };

	crowd_ask(&b, 10);
	nap(6000);
	f[0].takes_ms = 30000; /* the probe hangs */
	scope_open(&c.scope, FOREVER);
	scope_go(&c.scope, guest, &g);
	nap(1000);
	f[0].takes_ms = 0;
	f[0].up_at = back = fiber_now();
	while (!text_is(who(&b), "a"))
		nap(100);
	CHECK(fiber_now() - back <= 5000);
	scope_join(&c.scope);
	CHECK_STR(who(&b), "a"); /* the late failure is of the past */
	bench_close(&b);
}

static void tell(struct health *h, bool answers, int64_t now)
{
	struct attempt a;

	health_begin(h, &a, true, now);
	if (answers)
		health_end(&a, MODEL_FAULT_NONE, NULL, now);
	else
		health_end(&a, MODEL_FAULT_BUSY, "busy", now);
}

static void half_of_ten_failures_are_enough(struct world *w)
{
	struct fake f[] = { FAKE("a") };
	struct health h;

	(void)w;
	/* Never two in a row. */
	health_init(&h, &f[0].model);
	for (int i = 0; i < 9; i++) {
		CHECK(health_may(&h, i * 100));
		tell(&h, i % 2, i * 100);
	}
	CHECK(health_may(&h, 900));
	tell(&h, false, 900);
	CHECK(!health_may(&h, 901));
	CHECK(!health_may(&h, 5899));
	CHECK(health_may(&h, 5900));
}

static void sometimes_failing_is_not_down(struct world *w)
{
	struct fake f[] = { FAKE("a") };
	struct health h;

	(void)w;
	/* Four of ten for ten minutes. */
	health_init(&h, &f[0].model);
	for (int i = 0; i < 6000; i++) {
		CHECK(health_may(&h, i * 100));
		tell(&h, i % 2 == 0 || i % 10 == 9, i * 100);
	}
	/* Four of five, but so seldom that no half minute has ten attempts. */
	health_init(&h, &f[0].model);
	for (int i = 0; i < 100; i++) {
		CHECK(health_may(&h, i * 4000));
		tell(&h, i % 5 == 0, i * 4000);
	}
}

static void a_locked_account_is_tried_after_five_minutes_ten_and_so_on(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_ACCOUNT, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2);
	static const int64_t minutes[] = { 0, 5, 15, 35, 75, 135, 195 };
	int64_t start = fiber_now();

	for (int i = 0; i < 200; i++) {
		CHECK_STR(who(&b), "b");
		nap(60000);
	}
	CHECK_INT(f[0].calls, array_len(minutes));
	for (size_t i = 0; i < array_len(minutes); i++)
		CHECK_INT((f[0].at[i] - start) / 60000, minutes[i]);
	f[0].up_at = 0;
	nap(3600000);
	CHECK_STR(who(&b), "a");
	/* The next time it begins with five minutes again. */
	f[0].up_at = FOREVER;
	CHECK_STR(who(&b), "b");
	f[0].up_at = 0;
	nap(5 * 60000);
	CHECK_STR(who(&b), "a");
	bench_close(&b);
}

static void a_request_that_it_does_not_take_is_no_illness(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_REQUEST, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	for (int i = 0; i < 50; i++)
		CHECK_STR(who(&b), "b");
	CHECK_INT(f[0].calls, 50);
	bench_close(&b);
}

static void chains_that_name_one_model_share_its_health(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_NETWORK, .up_at = FOREVER), FAKE("b") };
	struct bench b = bench_open(w, f, 2), other = b;
	const struct model *const list[] = { &f[0].model };

	other.route = routes_add(b.routes, list, 1);
	who(&b);
	who(&b);
	CHECK_INT(f[0].calls, 5);
	CHECK_STR(who(&other), "nobody");
	CHECK_INT(f[0].calls, 5);
	CHECK_INT(other.out.attempts, 0);
	bench_close(&b);
}

static void two_chains_in_a_row_ask_nobody_twice(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_REQUEST, .up_at = FOREVER),
		FAKE("b", .fault = MODEL_FAULT_REQUEST, .up_at = FOREVER), FAKE("c") };
	struct bench b = bench_open(w, f, 1);
	const struct model *const strong[] = { &f[1].model, &f[0].model }, *const main_[] = {
		&f[0].model, &f[1].model, &f[2].model
	};

	struct route *both = routes_add(b.routes, strong, 2);

	route_extend(both, main_, 3);
	b.route = both;
	CHECK_STR(who(&b), "c");
	CHECK_INT(f[0].calls, 1);
	CHECK_INT(f[1].calls, 1);
	bench_close(&b);
}

static void a_chain_without_links_answers_nothing(struct world *w)
{
	struct bench b = bench_open(w, NULL, 0);

	CHECK_INT(ask(&b), -1);
	CHECK_HAS(b.e.msg, "no model is configured");
	bench_close(&b);
}

static void a_model_that_takes_for_ever_leaves_time_for_the_next(struct world *w)
{
	struct fake f[] = { FAKE("a", .takes_ms = 1000000), FAKE("b", .takes_ms = 1000000),
		FAKE("c", .takes_ms = 3000) };
	struct bench b = bench_open(w, f, 3);
	int64_t start = fiber_now();

	b.deadline = start + 90000;
	CHECK_STR(who(&b), "c");
	CHECK_INT(f[1].at[0] - start, 60000);
	CHECK_INT(f[2].at[0] - start, 80000);
	CHECK_INT(f[0].calls + f[1].calls, 2); /* neither is asked again */
	CHECK_INT(b.out.failures, 2);
	bench_close(&b);
}

/* Outages. */

static void in_an_outage_a_provider_gets_a_fifth_more_than_the_turns(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_BUSY, .up_at = FOREVER, .takes_ms = 50),
		FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	/* All at once: none of them knows of the others. */
	CHECK_INT(crowd_ask(&b, 1000), 1000);
	CHECK(f[0].calls <= 1200 + 5);
	/* One after the other. */
	f[0].calls = 0;
	for (int i = 0; i < 1000; i++) {
		CHECK_STR(who(&b), "b");
		nap(100);
	}
	CHECK(f[0].calls <= 100000 / 5000 + 5 + 5);
	bench_close(&b);
}

static void trouble_too_small_to_be_left_out_for_is_within_the_credit_too(struct world *w)
{
	struct fake f[] = { FAKE("a", .fault = MODEL_FAULT_BUSY, .fails_of_ten = 4), FAKE("b") };
	struct bench b = bench_open(w, f, 2);

	for (int i = 0; i < 1000; i++) {
		CHECK(ask(&b) == 0);
		nap(500);
	}
	CHECK(f[0].calls <= 1200 + 5);
	CHECK(f[0].calls >= 1150);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(the_first_that_answers_is_the_one),
		SIM_TEST(what_no_second_try_mends_goes_to_the_next_at_once),
		SIM_TEST(a_model_that_is_busy_is_asked_three_times),
		SIM_TEST(the_second_try_may_be_the_one),
		SIM_TEST(the_time_that_a_model_names_is_kept),
		SIM_TEST(no_second_try_begins_behind_the_deadline),
		SIM_TEST(what_was_shown_is_not_said_again_by_the_same_model),
		SIM_TEST(nobody_is_asked_for_who_cannot_hear),
		SIM_TEST(an_answer_that_is_not_utf8_is_none),
		SIM_TEST(who_is_not_allowed_is_passed_over),
		SIM_TEST(what_a_model_left_goes_back_to_it_alone),
		SIM_TEST(who_is_told_to_stop_asks_nobody_else),
		SIM_TEST(a_model_that_is_down_is_left_out_and_found_again),
		SIM_TEST(only_one_at_a_time_tries_a_model_that_was_down),
		SIM_TEST(one_that_hangs_keeps_nobody_from_finding_it_back),
		SIM_TEST(half_of_ten_failures_are_enough),
		SIM_TEST(sometimes_failing_is_not_down),
		SIM_TEST(a_locked_account_is_tried_after_five_minutes_ten_and_so_on),
		SIM_TEST(a_request_that_it_does_not_take_is_no_illness),
		SIM_TEST(chains_that_name_one_model_share_its_health),
		SIM_TEST(two_chains_in_a_row_ask_nobody_twice),
		SIM_TEST(a_chain_without_links_answers_nothing),
		SIM_TEST(a_model_that_takes_for_ever_leaves_time_for_the_next),
		SIM_TEST(in_an_outage_a_provider_gets_a_fifth_more_than_the_turns),
		SIM_TEST(trouble_too_small_to_be_left_out_for_is_within_the_credit_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
