#include "tests/agent/recorder.h"

/* Long conversations: when a recap is due, that what is read from it on is the same, that a prompt
 * stays within its limit, and that a provider's cache hits between recaps. */

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
		SIM_TEST(no_prompt_is_longer_than_the_limit),
		SIM_TEST(the_last_two_turns_stay_if_they_can),
		SIM_TEST(a_turn_that_is_too_long_by_itself_goes_to_a_person),
		SIM_TEST(a_model_that_finds_it_too_long_is_asked_for_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
