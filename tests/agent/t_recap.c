#include "kit.h"

#include "agent/recap.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Long conversations: when a recap is due and who makes it, that no turn waits for it, that a
 * prompt stays within its limit, and that a provider's cache hits between recaps. */

static struct bank ledger;

/* A model that notes what it is sent.  In each turn it looks something up, makes a refund now and
 * then, and answers; `says_too_long` above so many bytes of history. */
struct recorder {
	struct model model;
	size_t says_too_long;
	const char *text;                /* of its answers; NULL: one with a promise */
	char *last;                      /* up to the state */
	size_t sent, hit;                /* bytes of all prompts; those the one before had too */
	int asked, misses, turns_of_now; /* misses: the one before is not its beginning */
	size_t longest;                  /* history and state */
	char *state;
	int too_long;
	bool only_reads;
};

static char *prefix_of(const struct model_request *r)
{
	const struct buf *bytes = wire_bytes(r->history, &scripted_dialect);
	size_t n = wire_offset(r->history, &scripted_dialect, r->state_after);
	struct buf out = { 0 };

	buf_adds(&out, r->instructions);
	for (int i = 0; i < r->ntools; i++)
		buf_printf(&out, "%s %s\n", r->tools[i].name, r->tools[i].description);
	buf_add(&out, buf_str(bytes), n);
	return out.data;
}

static size_t equal_bytes(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static void note_request(struct recorder *m, const struct model_request *r, struct arena *mem)
{
	char *prefix = prefix_of(r);
	size_t history = wire_bytes(r->history, &scripted_dialect)->len,
	       rest = history - wire_offset(r->history, &scripted_dialect, r->state_after),
	       same = m->last ? equal_bytes(m->last, prefix) : 0;

	m->asked++;
	m->sent += strlen(prefix) + rest + json_size(r->state);
	m->hit += same;
	m->misses += m->last && same < strlen(m->last);
	if (wire_weight(r->history) + json_size(r->state) > m->longest)
		m->longest = wire_weight(r->history) + json_size(r->state);
	free(m->last);
	m->last = prefix;
	free(m->state);
	m->state = mem_strdup(json_text(mem, r->state));
}

static void call(struct arena *mem, struct model_answer *out, const char *name, json_t *arguments)
{
	struct model_call *c = arena_new_of(mem, struct model_call);

	*c = (struct model_call){ .name = name, .arguments = json_in(mem, arguments) };
	out->calls = c;
	out->ncalls = 1;
	out->stop = MODEL_CALLS;
}

static int record(const struct model *model, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	struct recorder *m = container_of(model, struct recorder, model);
	int turn = m->asked;

	(void)sink;
	if (m->says_too_long && wire_weight(r->history) > m->says_too_long) {
		m->too_long++;
		out->fault = MODEL_FAULT_CONTEXT;
		return err_set(e, ERR_INVALID, "the prompt is too long");
	}
	note_request(m, r, mem);
	out->text = "";
	if (r->ndone == 0 && !r->final)
		call(mem, out, "quick", json_pack("{ss}", "id", arena_printf(mem, "FW-%d", turn)));
	else if (r->ndone == 1 && turn % 9 == 1 && !r->final && !m->only_reads)
		call(mem, out, "refund",
		    json_pack("{ss}", "order_id", arena_printf(mem, "FW-%d", turn)));
	else
		out->text = m->text
				? m->text
				: "It left us on Monday. You will have it on Wednesday. Is there "
				  "anything else?";
	out->opaque = json_in(mem, json_pack("{si}", "asked", m->asked));
	return 0;
}

static const struct model_class recording = { .name = "recording", .complete = record };

static struct recorder recorder;

static void use_recorder(struct kit *k)
{
	static const struct model *chain[] = { &recorder.model };

	free(recorder.last);
	free(recorder.state);
	recorder = (struct recorder){ .model = { &recording, "recorder" } };
	k->config.chain = chain;
	k->config.nchain = 1;
	kit_restart_agent(k);
}

#define RECAP_TEST(name_)                                                                          \
	static void name_##_body(struct kit *k, struct arena *mem, struct conversation *c);        \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct kit k;                                                                      \
		struct arena *mem = arena_new();                                                   \
		struct conversation *c;                                                            \
                                                                                                   \
		ledger = (struct bank){ 0 };                                                       \
		kit_open(&k, w, &ledger, "[{\"text\":\"Hello.\"}]");                               \
		use_recorder(&k);                                                                  \
		c = kit_conversation(&k);                                                          \
		name_##_body(&k, mem, c);                                                          \
		conversation_close(c);                                                             \
		kit_close(&k);                                                                     \
		kit_remove(&k);                                                                    \
		arena_free(mem);                                                                   \
	}                                                                                          \
	static void name_##_body(                                                                  \
	    struct kit *k, __attribute__((unused)) struct arena *mem, struct conversation *c)

static void talk(struct kit *k, struct conversation *c, int turns)
{
	for (int i = 0; i < turns; i++) {
		struct arena *mem = arena_new();

		ledger.order[0] = '\0';
		kit_say(k, mem, c,
		    arena_printf(mem, "Where is my order number %d? It is late.",
			conversation_head(c)->turns_all));
		arena_free(mem);
	}
}

static const char *first(struct conversation *c)
{
	const struct wire_message *m = wire_at(conversation_wire(c), 0);

	return m->role == WIRE_RECAP ? m->text : "(no recap)";
}

RECAP_TEST(from_the_20th_turn_on_the_first_ten_are_bullet_points)
{
	const struct event *ev;

	talk(k, c, 18);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 0);
	talk(k, c, 1);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 1);
	ev = kit_event(k, mem, c, EVENT_RECAP, 0);
	CHECK_INT(json_int(ev->data, "turns", 0), 10);
	CHECK_STR(json_str(ev->data, "by"), "extract");
	CHECK_INT(json_int(ev->data, "upto", 0), kit_event(k, mem, c, EVENT_TURN_ENDED, 9)->seq);
	CHECK_INT(conversation_head(c)->recap_upto, json_int(ev->data, "upto", 0));
	CHECK_HAS(first(c), "order number 9?");
	CHECK(!strstr(first(c), "order number 10?"));
	CHECK_INT(wire_turns(conversation_wire(c)), 9);
	talk(k, c, 9);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 1);
	talk(k, c, 1); /* the 29th */
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 2);
	CHECK_INT(json_int(kit_event(k, mem, c, EVENT_RECAP, 1)->data, "turns", 0), 20);
	CHECK_HAS(first(c), "order number 19?");
	CHECK_HAS(first(c), "refund(order_id=FW-1)"); /* of the first */
	CHECK(!event_view(kit_event(k, mem, c, EVENT_RECAP, 1), SEEN_BY_CUSTOMER));
}

/* All that a model would be sent, and what the next turn hands on to it. */
static const char *known(struct conversation *c, struct arena *mem)
{
	const struct turn_log *t = conversation_turn(c);

	return arena_printf(mem, "%s\n%lld %d %d %s\n%s",
	    buf_str(wire_bytes(conversation_wire(c), &scripted_dialect)), (long long)t->trigger,
	    t->ended, t->steps, json_text(mem, t->opaque),
	    json_text(mem, json_in(mem, head_write(conversation_head(c)))));
}

RECAP_TEST(a_conversation_read_from_its_recap_on_is_the_same)
{
	for (int i = 0; i < 45; i++) {
		struct conversation *cold;
		struct conversations *others;
		struct err e = { 0 };

		talk(k, c, 1);
		others = conversations_new(k->world, k->store, 1 << 20);
		cold = conversation_open(others, conversation_id(c), &e);
		if (!CHECK(cold))
			return;
		CHECK_STR(known(cold, mem), known(c, mem));
		conversation_close(cold);
		conversations_free(others);
	}
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 3);
}

RECAP_TEST(what_a_model_left_comes_back_to_it_although_all_turns_are_a_recap)
{
	char id[WORLD_ID_SIZE];
	struct conversations *others;
	struct conversation *again;
	struct err e = { 0 };
	json_t *data;

	talk(k, c, 3);
	data = json_pack("{ss sI si}", "text", "- all", "upto",
	    (json_int_t)conversation_head(c)->last_end, "turns", 3);
	CHECK(conversation_append(c, &(struct draft){ EVENT_RECAP, data, NULL }, 1, NULL, &e) > 0);
	CHECK_OK(conversation_settle(c, conversation_head(c)->seq, &e), &e);
	strcpy(id, conversation_id(c));
	others = conversations_new(k->world, k->store, 1 << 20);
	again = conversation_open(others, id, &e);
	CHECK_INT(wire_len(conversation_wire(again)), 1);
	CHECK_INT(json_int(conversation_turn(again)->opaque, "asked", 0), recorder.asked);
	conversation_close(again);
	conversations_free(others);
}

RECAP_TEST(between_recaps_each_prompt_begins_with_the_one_before)
{
	talk(k, c, 45);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 3);
	CHECK_INT(recorder.misses, 3);
	fprintf(stderr,
	    "45 turns, %d prompts: %.1f %% of their %zu bytes are the beginning of the one "
	    "before\n",
	    recorder.asked, 100.0 * (double)recorder.hit / (double)recorder.sent, recorder.sent);
	CHECK(recorder.hit * 10 > recorder.sent * 8);
}

RECAP_TEST(a_long_conversation_stays_small)
{
	struct conversations *others;
	struct conversation *cold;
	struct err e = { 0 };
	int64_t queries;
	size_t at_100;

	recorder.text = "It left us on Monday.";
	talk(k, c, 99);
	at_100 = wire_size(conversation_wire(c));
	talk(k, c, 400);
	CHECK(wire_size(conversation_wire(c)) < at_100 + at_100 / 2);
	CHECK(recorder.longest < 16000);
	CHECK(strlen(first(c)) <= 5000);
	CHECK_HAS(first(c), "Done:\n- refund(order_id=FW-1)"); /* what was done is never left out */
	queries = store_stats(k->store).queries;
	others = conversations_new(k->world, k->store, 1 << 20);
	cold = conversation_open(others, conversation_id(c), &e);
	CHECK_INT(store_stats(k->store).queries - queries, 2); /* its row and its end */
	conversation_close(cold);
	conversations_free(others);
}

RECAP_TEST(the_state_says_what_no_recap_may_forget)
{
	json_t *data = json_pack(
	    "{ss ss ss}", "kind", "review", "rule", "tool_failed", "reason", "it did not work");
	struct err e = { 0 };

	conversation_append(c, &(struct draft){ EVENT_ESCALATED, data, NULL }, 1, NULL, &e);
	talk(k, c, 31);
	CHECK_HAS(recorder.state, "\"customer\":{\"id\":\"cust-1\",\"name\":\"Ada\"}");
	CHECK_HAS(recorder.state, "\"reason\":\"it did not work\",\"rules\":[\"tool_failed\"]");
}

RECAP_TEST(the_time_in_the_state_is_that_of_the_turn)
{
	char now[TEXT_TIME_SIZE];
	int64_t start;

	fiber_sleep(5000, &(struct err){ 0 });
	start = world_time(k->world);
	talk(k, c, 1); /* with a refund, which takes 500 ms */
	CHECK_INT(world_time(k->world) - start, 500);
	text_time(now, start);
	CHECK_HAS(recorder.state, now);
}

/* Who makes it. */

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
	return sink->text(sink->self, m->text, strlen(m->text), e);
}

static const struct model_class writing = { .name = "writing", .complete = write_recap };
static const struct model_class builtin = {
	.name = "builtin", .complete = write_recap, .takes_no_tokens = true
};

static void use_router(struct kit *k, struct writer *m, const struct model **chain)
{
	m->model = (struct model){ &writing, "small" };
	chain[0] = &m->model;
	k->config.router = chain;
	k->config.nrouter = 1;
	kit_restart_agent(k);
}

static const struct event *newest_recap(struct kit *k, struct arena *mem, struct conversation *c)
{
	return kit_event(k, mem, c, EVENT_RECAP, kit_count(k, c, EVENT_RECAP) - 1);
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
	struct writer none = { .model = { &builtin, "builtin" } }, down = { .error = "down" },
		      good = { .model = { &writing, "good" }, .text = "- fine" };
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

/* Limits. */

RECAP_TEST(no_prompt_is_longer_than_the_limit)
{
	size_t standing = 200; /* instructions and tools of the kit, about */

	k->config.limits.context_tokens = 2000;
	kit_restart_agent(k);
	talk(k, c, 60);
	CHECK(kit_count(k, c, EVENT_RECAP) > 4);
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 0);
	CHECK(recorder.longest > 3000);
	CHECK(recorder.longest + standing < 2000 * 3);
	CHECK(wire_turns(conversation_wire(c)) >= 2);
}

/* Of turns with this much to read. */
static void talk_much(struct kit *k, struct conversation *c, int turns, size_t bytes)
{
	for (int i = 0; i < turns; i++) {
		struct arena *mem = arena_new();
		char *much = arena_alloc(mem, bytes + 1);

		memset(much, 'x', bytes);
		kit_say(k, mem, c, much);
		arena_free(mem);
	}
}

RECAP_TEST(the_last_two_turns_stay_if_they_can)
{
	k->config.limits.context_tokens = 2000;
	kit_restart_agent(k);
	talk(k, c, 3);
	talk_much(k, c, 2, 1400);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 0);
	talk(k, c, 1);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 1);
	CHECK_INT(json_int(newest_recap(k, mem, c)->data, "turns", 0), 3);
	talk_much(k, c, 2, 2300);
	talk(k, c, 1);
	CHECK_INT(json_int(newest_recap(k, mem, c)->data, "turns", 0), 7); /* two such do not fit */
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 0);
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

RECAP_TEST(a_turn_that_is_too_long_by_itself_goes_to_a_person)
{
	k->config.limits.context_tokens = 2000;
	kit_restart_agent(k);
	talk(k, c, 3);
	talk_much(k, c, 1, 9000);
	CHECK_STR(
	    json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "rule"), "limit_context");
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 0); /* it would not have helped */
	talk(k, c, 1);                              /* the next one goes on without it */
	CHECK_INT(kit_count(k, c, EVENT_RECAP), 1);
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 1);
}

RECAP_TEST(a_model_that_finds_it_too_long_is_asked_for_less)
{
	recorder.says_too_long = 2500;
	talk(k, c, 19);
	CHECK(recorder.too_long > 0);
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 0);
	CHECK_INT(kit_count(k, c, EVENT_RECAP), recorder.too_long);
	recorder.says_too_long = 10;
	recorder.too_long = 0;
	talk(k, c, 1);
	CHECK_INT(recorder.too_long, 3); /* twice shorter, then it has failed */
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "rule"), "model_failed");
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
	CHECK_STR(json_text(mem, json_in(mem, head_write(conversation_head(c)))),
	    json_text(mem, json_in(mem, head_write(&again))));
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
		SIM_TEST(from_the_20th_turn_on_the_first_ten_are_bullet_points),
		SIM_TEST(a_conversation_read_from_its_recap_on_is_the_same),
		SIM_TEST(what_a_model_left_comes_back_to_it_although_all_turns_are_a_recap),
		SIM_TEST(between_recaps_each_prompt_begins_with_the_one_before),
		SIM_TEST(a_long_conversation_stays_small),
		SIM_TEST(the_state_says_what_no_recap_may_forget),
		SIM_TEST(the_time_in_the_state_is_that_of_the_turn),
		SIM_TEST(the_router_writes_it_and_no_turn_waits),
		SIM_TEST(one_that_comes_while_a_turn_is_open_waits_for_its_end),
		SIM_TEST(what_is_no_recap_is_not_taken_for_one),
		SIM_TEST(builtin_is_not_asked_and_the_second_is_when_the_first_fails),
		SIM_TEST(what_a_recap_costs_is_in_its_event_and_within_the_limits),
		SIM_TEST(an_agent_that_stops_leaves_it_due),
		SIM_TEST(no_prompt_is_longer_than_the_limit),
		SIM_TEST(the_last_two_turns_stay_if_they_can),
		SIM_TEST(a_recap_that_comes_late_changes_nothing),
		SIM_TEST(a_turn_that_is_too_long_by_itself_goes_to_a_person),
		SIM_TEST(a_model_that_finds_it_too_long_is_asked_for_less),
		cmocka_unit_test(a_recap_that_a_crash_cut_short_is_due_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
