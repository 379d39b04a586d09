#include "kit.h"

#include "base/text.h"

#include <string.h>

static struct bank ledger;

static const char *reason(const struct event *ev)
{
	return ev ? json_str_or(ev->data, "reason", "") : "(no event)";
}

static const char *name_of(const struct event *ev)
{
	return ev ? json_str_or(ev->data, "name", "") : "(no event)";
}

#define TURN_TEST(name_, steps_)                                                                   \
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

TURN_TEST(a_message_is_answered, "[{\"text\":\"Hello Ada.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "hello"), "Hello Ada.");
	CHECK_INT(kit_count(k, c, EVENT_TURN_ENDED), 1);
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_TURN_ENDED, 0)->data, "outcome"), "answered");
}

TURN_TEST(three_tools_of_one_second_take_one, "[{\"calls\":[{\"name\":\"lookup_order\"},{\"name\":"
					      "\"lookup_account\"},{\"name\":\"check_policy\"}]},"
					      "{\"text\":\"Done.\"}]")
{
	int64_t start = fiber_now();

	CHECK_STR(kit_say(k, mem, c, "where is it?"), "Done.");
	CHECK_INT(fiber_now() - start, 1000);
	CHECK_INT(ledger.running_most, 3);
}

TURN_TEST(results_keep_the_order_of_the_calls,
    "[{\"calls\":[{\"name\":\"lookup_order\"},{\"name\":\"quick\"}]},{\"text\":\"Done.\"}]")
{
	const struct wire_message *m;

	kit_say(k, mem, c, "where is it?");
	CHECK_STR(ledger.order, "quick lookup_order ");
	m = wire_at(conversation_wire(c), 2);
	CHECK_INT(m->role, WIRE_RESULTS);
	CHECK_STR(m->results[0].name, "lookup_order");
	CHECK_STR(m->results[0].text, "{\"tool\":\"lookup_order\"}");
	CHECK_STR(m->results[1].name, "quick");
}

TURN_TEST(a_write_is_a_barrier, "[{\"calls\":[{\"name\":\"lookup_order\"},{\"name\":\"refund\","
				"\"arguments\":{\"order_id\":\"7\"}},"
				"{\"name\":\"quick\"}]},{\"text\":\"Done.\"}]")
{
	int64_t start = fiber_now();

	CHECK_STR(kit_say(k, mem, c, "refund it"), "Done.");
	CHECK_STR(ledger.order, "lookup_order refund quick ");
	CHECK_INT(fiber_now() - start, 1500);
	CHECK_INT(bank_times(&ledger, "refund"), 1);
}

TURN_TEST(no_more_reads_at_a_time_than_the_limit,
    "[{\"calls\":[{\"name\":\"lookup_order\"},{\"name\":\"lookup_order\"},{\"name\":\"lookup_"
    "order\"},"
    "{\"name\":\"lookup_order\"},{\"name\":\"lookup_order\"}]},{\"text\":\"Done.\"}]")
{
	int64_t start = fiber_now();

	k->config.limits.parallel = 2;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "where are they?"), "Done.");
	CHECK_INT(ledger.running_most, 2);
	CHECK_INT(fiber_now() - start, 3000);
}

TURN_TEST(what_goes_wrong_with_a_call_is_a_result_the_model_reads,
    "[{\"calls\":[{\"name\":\"nonsense\"},{\"name\":\"refund\",\"arguments\":{\"order\":7}},{"
    "\"name\":\"broken\"},"
    "{\"name\":\"huge\"},{\"name\":\"slow\"},{\"name\":\"quick\",\"arguments\":\"no "
    "object\"},{\"name\":\"quick\"}]},"
    "{\"text\":\"I could not find out.\"}]")
{
	int64_t start = fiber_now();

	CHECK_STR(kit_say(k, mem, c, "help"), "I could not find out.");
	CHECK_INT(fiber_now() - start, 5000);
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 0)),
	    "Tool nonsense failed: there is no tool with this name: there are lookup_order");
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 1)),
	    "Tool refund failed: the arguments are not as the tool wants them");
	CHECK_INT(bank_times(&ledger, "refund"), 0);
	for (int i = 2; i < 7; i++) {
		const struct event *ev = kit_event(k, mem, c, EVENT_RESULT, i);

		if (!strcmp(name_of(ev), "broken"))
			CHECK_STR(reason(ev),
			    "Tool broken failed: the shop is closed (trying again may help)");
		else if (!strcmp(name_of(ev), "huge"))
			CHECK_HAS(reason(ev), "more than 65536: ask for less");
		else if (!strcmp(name_of(ev), "slow"))
			CHECK_HAS(reason(ev), "it took longer than it may");
	}
	CHECK_INT(kit_count(k, c, EVENT_RESULT), 7);
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "rule"), "tool_failed");
}

TURN_TEST(what_a_model_calls_at_enormous_length_is_not_kept, "[{\"text\":\"x\"}]")
{
	char *long_name = arena_printf(mem, "%0100000d", 7);
	json_t *calls = json_array(), *steps = json_array();
	const json_t *call;

	json_array_append_new(calls, json_pack("{ss}", "name", long_name));
	json_array_append_new(
	    calls, json_pack("{ss s{ss}}", "name", "refund", "arguments", "order_id", long_name));
	json_array_append_new(steps, json_pack("{so}", "calls", calls));
	json_array_append_new(steps, json_pack("{ss}", "text", "Done."));
	json_object_set_new(k->script, "steps", steps);
	CHECK_STR(kit_say(k, mem, c, "help"), "Done.");
	CHECK_INT(bank_times(&ledger, "refund"), 0);
	call =
	    json_array_get(json_object_get(kit_event(k, mem, c, EVENT_STEP, 0)->data, "calls"), 0);
	CHECK_INT(strlen(json_str(call, "name")), 64);
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 1)),
	    "the arguments are no JSON object of at most 65536 bytes");
	CHECK(json_size(kit_event(k, mem, c, EVENT_STEP, 0)->data) < 2000);
}

TURN_TEST(a_call_that_was_cut_off_never_runs,
    "[{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}],\"cut\":true},{"
    "\"text\":\"Again, please.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "refund it"), "Again, please.");
	CHECK_INT(bank_times(&ledger, "refund"), 0);
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 0)), "cut off");
}

TURN_TEST(the_same_write_twice_in_a_turn_runs_once_and_answers_both,
    "[{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}},{\"name\":\"refund\","
    "\"arguments\":{\"order_id\":\"7\"}},"
    "{\"name\":\"refund\",\"arguments\":{\"order_id\":\"8\"}}]},{\"text\":\"Done.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "refund it"), "Done.");
	CHECK_INT(bank_times(&ledger, "refund"), 2);
	CHECK_STR(ledger.order, "refund refund ");
	CHECK(json_flag(kit_event(k, mem, c, EVENT_RESULT, 1)->data, "ok"));
}

TURN_TEST(the_same_write_in_a_later_step_runs_once_too,
    "[{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}]},"
    "{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}]},{\"text\":\"Done.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "refund it"), "Done.");
	CHECK_STR(ledger.order, "refund ");
	CHECK(json_flag(kit_event(k, mem, c, EVENT_RESULT, 1)->data, "ok"));
}

static void durable(void *self, const char *point)
{
	struct conversation *c = self;

	if (!strcmp(point, "write-begins"))
		CHECK_INT(conversation_committed(c), conversation_head(c)->seq);
}

TURN_TEST(a_write_is_sent_after_its_intent_is_durable,
    "[{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}]},{\"text\":\"Done.\"}]")
{
	agent_pause_at(k->agent, durable, c);
	CHECK_STR(kit_say(k, mem, c, "refund it"), "Done.");
	CHECK_INT(bank_times(&ledger, "refund"), 1);
}

TURN_TEST(at_the_step_limit_the_model_is_asked_for_a_last_word,
    "[{\"calls\":[{\"name\":\"quick\"}]},{\"calls\":[{\"name\":\"quick\"}]},{\"text\":\"That is "
    "all I know.\",\"calls\":[{\"name\":\"quick\"}]}]")
{
	k->config.limits.steps = 3;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "help"), "That is all I know.");
	CHECK_INT(kit_count(k, c, EVENT_RESULT), 2);
	CHECK(!kit_event(k, mem, c, EVENT_ESCALATED, 0));
}

TURN_TEST(without_a_last_word_a_person_is_asked,
    "[{\"calls\":[{\"name\":\"quick\"}]},{\"calls\":[{\"name\":\"quick\"}]}]")
{
	k->config.limits.steps = 2;
	kit_restart_agent(k);
	CHECK_HAS(kit_say(k, mem, c, "help"), "I have asked a colleague to take over");
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "kind"), "handoff");
	CHECK_INT(conversation_head(c)->owner, OWNER_WAITING);
	CHECK_INT(conversation_head(c)->open_since, 0);
}

TURN_TEST(calls_beyond_the_limit_are_told_so,
    "[{\"calls\":[{\"name\":\"quick\"},{\"name\":\"quick\"},{"
    "\"name\":\"quick\"}]},{\"text\":\"Done.\"}]")
{
	k->config.limits.tool_calls = 2;
	kit_restart_agent(k);
	CHECK_STR(kit_say(k, mem, c, "help"), "Done.");
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 2))
		      ? reason(kit_event(k, mem, c, EVENT_RESULT, 2))
		      : "",
	    "the limit of 2 calls");
	CHECK_STR(ledger.order, "quick quick ");
}

TURN_TEST(a_model_that_fails_hands_over, "[{\"error\":\"overloaded\"}]")
{
	CHECK_HAS(kit_say(k, mem, c, "help"), "I have asked a colleague");
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "rule"), "model_failed");
}

TURN_TEST(a_turn_out_of_time_hands_over,
    "[{\"calls\":[{\"name\":\"lookup_order\"}]},{\"text\":\"too late\",\"delay_ms\":60000}]")
{
	int64_t start = fiber_now();

	k->config.limits.turn_ms = 4000;
	kit_restart_agent(k);
	CHECK_HAS(kit_say(k, mem, c, "help"), "I have asked a colleague");
	CHECK_INT(fiber_now() - start, 4000);
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "rule"), "limit_time");
}

TURN_TEST(who_is_not_known_may_not_use_what_needs_it,
    "[{\"calls\":[{\"name\":\"private\"}]},{\"text\":\"Please sign in.\"}]")
{
	struct err e = { 0 };
	struct conversation *anonymous = conversation_create(k->all, json_object(), NULL, &e);

	(void)c;
	CHECK_STR(kit_say(k, mem, anonymous, "help"), "Please sign in.");
	CHECK_HAS(reason(kit_event(k, mem, anonymous, EVENT_RESULT, 0)),
	    "it is not known who the customer is");
	CHECK_STR(ledger.order, "");
	conversation_close(anonymous);
}

TURN_TEST(a_person_is_asked_once_and_writes_wait_for_them,
    "[{\"calls\":[{\"name\":\"escalate_to_human\",\"arguments\":{\"reason\":\"above the limit\"}},"
    "{\"name\":\"escalate_to_human\"},{\"name\":\"quick\"}]},"
    "{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}]},{\"text\":\"A "
    "colleague will.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "refund it"), "A colleague will.");
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 1);
	CHECK_STR(
	    json_str(kit_event(k, mem, c, EVENT_ESCALATED, 0)->data, "reason"), "above the limit");
	CHECK_INT(bank_times(&ledger, "refund"), 0);
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 3)), "a person has been asked for");
	CHECK_STR(
	    json_str(kit_event(k, mem, c, EVENT_TURN_ENDED, 0)->data, "outcome"), "handed_over");
}

TURN_TEST(a_write_behind_the_call_for_a_person_is_refused_although_both_were_made_at_once,
    "[{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"6\"}},"
    "{\"name\":\"escalate_to_human\",\"arguments\":{\"reason\":\"above the limit\"}},"
    "{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}]},{\"text\":\"A colleague will.\"}]")
{
	CHECK_STR(kit_say(k, mem, c, "refund both"), "A colleague will.");
	CHECK_INT(bank_times(&ledger, "refund"), 1);
	CHECK(json_flag(kit_event(k, mem, c, EVENT_RESULT, 0)->data, "ok"));
	CHECK_HAS(reason(kit_event(k, mem, c, EVENT_RESULT, 2)), "a person has been asked for");
}

/* Written while the turn runs. */

struct later {
	struct kit *kit;
	struct conversation *c;
	int64_t at;
	const char *text;
};

static void say_later(void *arg)
{
	struct later *l = arg;
	struct err e = { 0 };
	int64_t seq;

	CHECK_OK(fiber_sleep(l->at, &e), &e);
	CHECK_OK(agent_message(l->kit->agent, l->c, l->text, NULL, &seq, &e), &e);
}

static void say_at(
    struct kit *k, struct conversation *c, int64_t ms, const char *text, const char *first)
{
	struct later l = { k, c, ms, text };
	struct arena *mem = arena_new();
	struct scope s;

	scope_open(&s, FOREVER);
	scope_go(&s, say_later, &l);
	kit_say(k, mem, c, first);
	scope_join(&s);
	kit_wait(k, c);
	arena_free(mem);
}

TURN_TEST(a_message_during_a_turn_is_seen_before_the_next_model_call,
    "[{\"calls\":[{\"name\":\"lookup_order\"}]},{\"text\":\"Both.\",\"expect\":\"the blue one\"}]")
{
	say_at(k, c, 300, "the blue one", "where is it?");
	CHECK_INT(kit_count(k, c, EVENT_TURN_ENDED), 1);
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 2)->data, "content"), "Both.");
}

TURN_TEST(a_message_while_the_model_thinks_is_answered_too,
    "[{\"text\":\"It is late.\",\"delay_ms\":1000},"
    "{\"text\":\"Both are late.\",\"expect\":\"the blue one\"}]")
{
	/* What it said the first time was never shown. */
	say_at(k, c, 300, "the blue one", "where is it?");
	CHECK_INT(kit_count(k, c, EVENT_STEP), 2);
	CHECK(json_flag(kit_event(k, mem, c, EVENT_STEP, 0)->data, "superseded"));
	CHECK_INT(kit_count(k, c, EVENT_MESSAGE), 3);
	CHECK_INT(kit_count(k, c, EVENT_TURN_ENDED), 1);
}

/* Canceled. */

static void cancel_later(void *arg)
{
	struct later *l = arg;
	struct err e = { 0 };
	int64_t seq;

	CHECK_OK(fiber_sleep(l->at, &e), &e);
	CHECK(agent_cancel(l->kit->agent, l->c));
	if (l->text)
		CHECK_OK(agent_message(l->kit->agent, l->c, l->text, NULL, &seq, &e), &e);
}

/* The customer says it, and cancels; more is said at the same moment, or NULL. */
static void say_and_cancel(
    struct kit *k, struct conversation *c, const char *text, int64_t after, const char *more)
{
	struct later l = { k, c, after, more };
	struct arena *mem = arena_new();
	struct scope s;

	scope_open(&s, FOREVER);
	scope_go(&s, cancel_later, &l);
	kit_say(k, mem, c, text);
	scope_join(&s);
	kit_wait(k, c);
	arena_free(mem);
}

static const char *outcome(struct kit *k, struct arena *mem, struct conversation *c, int nth)
{
	return json_str(kit_event(k, mem, c, EVENT_TURN_ENDED, nth)->data, "outcome");
}

TURN_TEST(a_canceled_turn_says_nothing_and_the_next_is_answered,
    "[{\"calls\":[{\"name\":\"slow\"}]},{\"text\":\"Hello.\"}]")
{
	int64_t start = fiber_now();

	say_and_cancel(k, c, "where is it?", 300, NULL);
	CHECK_INT(fiber_now() - start, 300);
	CHECK_STR(outcome(k, mem, c, 0), "canceled");
	CHECK_INT(kit_count(k, c, EVENT_MESSAGE), 1);
	CHECK_INT(kit_count(k, c, EVENT_ESCALATED), 0);
	CHECK(!agent_cancel(k->agent, c));
	CHECK_STR(kit_say(k, mem, c, "hello?"), "Hello.");
	CHECK_STR(outcome(k, mem, c, 1), "answered");
}

TURN_TEST(a_write_that_was_sent_is_awaited_before_its_turn_is_canceled,
    "[{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}},"
    "{\"name\":\"refund\",\"arguments\":{\"order_id\":\"8\"}}]},{\"text\":\"Done.\"}]")
{
	int64_t start = fiber_now();

	say_and_cancel(k, c, "refund both", 300, NULL);
	CHECK_INT(fiber_now() - start, 500);
	CHECK_STR(outcome(k, mem, c, 0), "canceled");
	CHECK_INT(bank_times(&ledger, "refund"), 1);
	CHECK_INT(kit_count(k, c, EVENT_RESULT), 1);
	CHECK(json_flag(kit_event(k, mem, c, EVENT_RESULT, 0)->data, "ok"));
	CHECK_STR(kit_say(k, mem, c, "and now?"), "Done.");
	CHECK_INT(bank_times(&ledger, "refund"), 1);
}

TURN_TEST(what_was_shown_before_it_was_canceled_stays,
    "[{\"deltas\":[\"Let me see. \",\"It is blue. \",\"So.\"],\"delta_ms\":200}]")
{
	conversation_follow(c, true);
	say_and_cancel(k, c, "which colour?", 500, NULL);
	conversation_unfollow(c, true);
	CHECK_INT(kit_count(k, c, EVENT_MESSAGE), kit_streams() ? 2 : 1);
	if (kit_streams())
		CHECK_STR(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 1)->data, "content"),
		    "Let me see. ");
	CHECK_STR(outcome(k, mem, c, 0), "canceled");
}

TURN_TEST(who_writes_again_while_canceling_is_answered, "[{\"text\":\"Both.\",\"delay_ms\":1000}]")
{
	say_and_cancel(k, c, "where is it?", 300, "no, the blue one");
	CHECK_INT(kit_count(k, c, EVENT_TURN_ENDED), 1);
	CHECK_STR(outcome(k, mem, c, 0), "answered");
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 2)->data, "content"), "Both.");
}

/* Parts. */

TURN_TEST(sentences_are_shown_as_they_come_to_whoever_reads_along,
    "[{\"deltas\":[\"Let me see. \",\"It is blue\",\". Your refund is 3.50. \",\"Is that all? "
    "\",\"Bye.\"],\"delta_ms\":100}]")
{
	conversation_follow(c, true);
	CHECK_STR(kit_say(k, mem, c, "which colour?"),
	    "Let me see. It is blue. Your refund is 3.50. Is that all? Bye.");
	conversation_unfollow(c, true);
	if (!kit_streams()) {
		CHECK_INT(kit_count(k, c, EVENT_PART), 0);
		return;
	}
	CHECK_INT(kit_count(k, c, EVENT_PART), 2); /* from the money on all waits for the end */
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_PART, 0)->data, "content"), "Let me see. ");
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_PART, 1)->data, "content"), "It is blue. ");
}

TURN_TEST(without_a_reader_there_are_no_parts,
    "[{\"deltas\":[\"Let me see. \",\"It is blue.\"],\"delta_ms\":100}]")
{
	CHECK_STR(kit_say(k, mem, c, "which colour?"), "Let me see. It is blue.");
	CHECK_INT(kit_count(k, c, EVENT_PART), 0);
}

TURN_TEST(what_was_shown_before_a_look_up_stays_in_front,
    "[{\"deltas\":[\"Let me see. \",\"One moment. "
    "\"],\"calls\":[{\"name\":\"quick\"}]},{\"text\":\"It is blue.\"}]")
{
	conversation_follow(c, true);
	kit_say(k, mem, c, "which colour?");
	conversation_unfollow(c, true);
	/* Of an answer that comes whole nothing is shown before its end. */
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 1)->data, "content"),
	    kit_streams() ? "Let me see. It is blue." : "It is blue.");
	CHECK_STR(
	    wire_at(conversation_wire(c), 3)->text, "It is blue."); /* the model reads it once */
}

TURN_TEST(what_was_shown_stays_when_the_turn_runs_out_of_time,
    "[{\"deltas\":[\"Let me see. \",\"It is blue. \",\"Bye. \",\"Bye.\"],\"delta_ms\":1000}]")
{
	k->config.limits.turn_ms = 2500;
	kit_restart_agent(k);
	conversation_follow(c, true);
	kit_say(k, mem, c, "which colour?");
	conversation_unfollow(c, true);
	CHECK_INT(kit_count(k, c, EVENT_PART), kit_streams());
	if (!kit_streams())
		return;
	CHECK(text_starts(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 1)->data, "content"),
	    "Let me see. I am sorry"));
	CHECK_STR(wire_at(conversation_wire(c), 1)->text, "Let me see. ");
}

/* A model that says a sentence and then breaks off. */
static int break_off(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	(void)m, (void)r, (void)mem, (void)out;
	if (sink->text(sink->self, "Let me see. One ", 16, e) < 0)
		return -1;
	return err_set(e, ERR_IO, "the connection was closed");
}

static const struct model_class breaking = { .name = "breaking", .complete = break_off };

TURN_TEST(what_a_model_showed_before_it_failed_stays_in_front_of_the_next_ones_words,
    "[{\"text\":\"It is blue.\"}]")
{
	struct model first = { .class = &breaking, .name = "breaking" };

	k->config.chain = (const struct model *const[]){ &first, k->model };
	k->config.nchain = 2;
	kit_restart_agent(k);
	conversation_follow(c, true);
	kit_say(k, mem, c, "which colour?");
	CHECK_STR(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 1)->data, "content"),
	    "Let me see. It is blue.");
	k->config.nchain = 1;
	kit_restart_agent(k);
	kit_say(k, mem, c, "which colour?");
	conversation_unfollow(c, true);
	CHECK(text_starts(json_str(kit_event(k, mem, c, EVENT_MESSAGE, 3)->data, "content"),
	    "Let me see. I am sorry"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(a_message_is_answered),
		SIM_TEST(three_tools_of_one_second_take_one),
		SIM_TEST(results_keep_the_order_of_the_calls),
		SIM_TEST(a_write_is_a_barrier),
		SIM_TEST(no_more_reads_at_a_time_than_the_limit),
		SIM_TEST(what_goes_wrong_with_a_call_is_a_result_the_model_reads),
		SIM_TEST(what_a_model_calls_at_enormous_length_is_not_kept),
		SIM_TEST(a_call_that_was_cut_off_never_runs),
		SIM_TEST(the_same_write_twice_in_a_turn_runs_once_and_answers_both),
		SIM_TEST(the_same_write_in_a_later_step_runs_once_too),
		SIM_TEST(a_write_is_sent_after_its_intent_is_durable),
		SIM_TEST(at_the_step_limit_the_model_is_asked_for_a_last_word),
		SIM_TEST(without_a_last_word_a_person_is_asked),
		SIM_TEST(calls_beyond_the_limit_are_told_so),
		SIM_TEST(a_model_that_fails_hands_over),
		SIM_TEST(a_turn_out_of_time_hands_over),
		SIM_TEST(who_is_not_known_may_not_use_what_needs_it),
		SIM_TEST(a_person_is_asked_once_and_writes_wait_for_them),
		SIM_TEST(
		    a_write_behind_the_call_for_a_person_is_refused_although_both_were_made_at_once),
		SIM_TEST(a_message_during_a_turn_is_seen_before_the_next_model_call),
		SIM_TEST(a_message_while_the_model_thinks_is_answered_too),
		SIM_TEST(a_canceled_turn_says_nothing_and_the_next_is_answered),
		SIM_TEST(a_write_that_was_sent_is_awaited_before_its_turn_is_canceled),
		SIM_TEST(what_was_shown_before_it_was_canceled_stays),
		SIM_TEST(who_writes_again_while_canceling_is_answered),
		SIM_TEST(sentences_are_shown_as_they_come_to_whoever_reads_along),
		SIM_TEST(without_a_reader_there_are_no_parts),
		SIM_TEST(what_was_shown_before_a_look_up_stays_in_front),
		SIM_TEST(what_was_shown_stays_when_the_turn_runs_out_of_time),
		SIM_TEST(
		    what_a_model_showed_before_it_failed_stays_in_front_of_the_next_ones_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
