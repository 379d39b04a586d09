#include "check.h"

#include "base/mem.h"
#include "base/text.h"
#include "conversation/head.h"

#include <stdlib.h>
#include <string.h>

/* The head: what each event changes, that it comes back from its row as it was, and that it stays
 * small whatever strangers write. */

#define BOUND 4096

static const char *row(const struct head *h, struct arena *mem)
{
	return head_write(h, mem);
}

static void apply(struct head *h, enum event_kind kind, json_t *data)
{
	struct event ev = {
		.seq = h->seq + 1, .at = 1000 * (h->seq + 1), .kind = kind, .data = data
	};

	assert_non_null(data);
	head_apply(h, &ev);
	json_decref(data);
}

static void survives_its_row(const struct head *h)
{
	struct arena *mem = arena_new();
	const char *before = row(h, mem);
	struct head again;
	struct err e = { 0 };

	assert_int_equal(head_read(&again, json_read_own(mem, before), &e), 0);
	assert_string_equal(row(&again, mem), before);
	assert_true(strlen(before) <= BOUND);
	head_done(&again);
	arena_free(mem);
}

static void a_conversation_from_its_beginning_to_its_end(void **state)
{
	struct head h;

	(void)state;
	head_init(&h);
	survives_its_row(&h);
	apply(&h, EVENT_CREATED,
	    json_pack("{s{ss ss} ss ss}", "customer", "id", "cust-1", "name", "Ada", "identity",
		"verified", "channel", "mail"));
	assert_string_equal(head_customer_id(&h), "cust-1");
	assert_string_equal(h.identity, "verified");
	assert_string_equal(h.channel, "mail");
	assert_true(h.profile_wanted);
	assert_int_equal(h.created_at, 1000);
	apply(&h, EVENT_PROFILE, json_pack("{s{ss}}", "profile", "tier", "gold"));
	assert_false(h.profile_wanted);
	apply(&h, EVENT_MESSAGE, json_pack("{ss ss}", "role", "customer", "content", "help"));
	assert_int_equal(h.open_since, 3);
	apply(&h, EVENT_MESSAGE, json_pack("{ss ss}", "role", "customer", "content", "please"));
	assert_int_equal(h.open_since, 3); /* the first that nobody answered */
	assert_int_equal(h.last_customer, 4);
	apply(&h, EVENT_INTENTS, json_pack("{s[{ss sf}]}", "intents", "name", "refund", "p", 0.5));
	apply(&h, EVENT_RESULT, json_pack("{sb sb}", "ok", 1, "write", 1));
	assert_true(h.profile_wanted); /* something was changed */
	survives_its_row(&h);
	apply(&h, EVENT_TURN_ENDED,
	    json_pack("{sI si si s{sI sI}}", "answered", (json_int_t)4, "steps", 2, "tool_calls", 1,
		"usage", "input_tokens", (json_int_t)10, "output_tokens", (json_int_t)5));
	assert_int_equal(h.open_since, 0);
	assert_int_equal(h.turns, 1);
	assert_int_equal(h.steps, 2);
	assert_int_equal(h.input_tokens, 10);
	survives_its_row(&h);
	head_done(&h);
}

static void a_message_that_the_turn_did_not_answer_stays_open(void **state)
{
	struct head h;

	(void)state;
	head_init(&h);
	for (int i = 0; i < 3; i++)
		apply(&h, EVENT_MESSAGE, json_pack("{ss}", "role", "customer"));
	apply(&h, EVENT_TURN_ENDED, json_pack("{sI}", "answered", (json_int_t)2));
	assert_int_equal(h.open_since, 3);
	head_done(&h);
}

static void a_recap_covers_turns_that_have_ended_and_never_less_than_before(void **state)
{
	static const struct {
		int upto, then;
		const char *text;
	} recaps[] = { { 3, 0, "- x" }, { 2, 0, " " }, { 2, 2, "- x" }, { 1, 2, "- x" },
		{ 9, 2, "- x" } };
	struct head h;

	(void)state;
	head_init(&h);
	apply(&h, EVENT_MESSAGE, json_pack("{ss}", "role", "customer"));
	apply(&h, EVENT_TURN_ENDED, json_pack("{sI}", "answered", (json_int_t)1));
	for (size_t i = 0; i < array_len(recaps); i++) {
		apply(&h, EVENT_RECAP,
		    json_pack("{si ss s{si}}", "upto", recaps[i].upto, "text", recaps[i].text,
			"usage", "output_tokens", 7));
		assert_int_equal(h.recap_upto, recaps[i].then);
		survives_its_row(&h);
	}
	assert_int_equal(h.output_tokens, 7 * (int)array_len(recaps));
	apply(&h, EVENT_TURN_ENDED, json_object());
	assert_int_equal(h.end_before, 2);
	assert_int_equal(h.turns_all, 2);
	survives_its_row(&h);
	head_done(&h);
}

static void it_is_known_whether_we_asked_for_a_card(void **state)
{
	static const char ask[] = "What is your card number?";
	struct head h;

	(void)state;
	head_init(&h);
	apply(&h, EVENT_MESSAGE, json_pack("{ss ss}", "role", "customer", "content", ask));
	assert_false(h.card_asked);
	apply(&h, EVENT_PART, json_pack("{ss}", "content", ask)); /* it has been read */
	assert_true(h.card_asked);
	apply(&h, EVENT_MESSAGE, json_pack("{ss ss}", "role", "ai", "content", "No."));
	assert_false(h.card_asked);
	apply(&h, EVENT_MESSAGE, json_pack("{ss ss}", "role", "ai", "content", ask));
	apply(&h, EVENT_MESSAGE, json_pack("{ss ss}", "role", "customer", "content", "Why?"));
	assert_true(h.card_asked);
	survives_its_row(&h);
	head_done(&h);
}

static void what_was_spent_is_counted_once(void **state)
{
	struct head h;

	(void)state;
	head_init(&h);
	apply(&h, EVENT_STEP, json_pack("{sI}", "cost", (json_int_t)700));
	apply(&h, EVENT_STEP, json_pack("{sn}", "cost")); /* no price */
	assert_int_equal(h.cost, 700);
	/* The turn's sum is that of its steps and of what no step tells of. */
	apply(&h, EVENT_TURN_ENDED,
	    json_pack("{sI sI}", "cost", (json_int_t)1000, "lost_cost", (json_int_t)300));
	assert_int_equal(h.cost, 1000);
	survives_its_row(&h);
	head_done(&h);
}

static void the_heaviest_escalation_is_shown(void **state)
{
	static const struct {
		const char *kind, *shown;
		enum owner owner;
	} steps[] = { { "review", "review", OWNER_AI }, { "approval", "approval", OWNER_AI },
		{ "review", "approval", OWNER_AI }, { "handoff", "handoff", OWNER_WAITING },
		{ "approval", "handoff", OWNER_WAITING } };
	struct head h;

	(void)state;
	head_init(&h);
	for (size_t i = 0; i < array_len(steps); i++) {
		apply(&h, EVENT_ESCALATED,
		    json_pack("{ss ss ss}", "kind", steps[i].kind, "rule", "r", "reason", "x"));
		assert_string_equal(h.escalation.kind, steps[i].shown);
		assert_int_equal(h.owner, steps[i].owner);
		survives_its_row(&h);
	}
	head_done(&h);
}

static void every_rule_that_fired_is_remembered(void **state)
{
	static const char *const rules[] = { "turns", "asked", "turns", "intent_cancellation" };
	struct head h;

	(void)state;
	head_init(&h);
	for (size_t i = 0; i < array_len(rules); i++)
		apply(&h, EVENT_ESCALATED,
		    json_pack(
			"{ss ss ss}", "kind", "review", "reason", "because", "rule", rules[i]));
	assert_int_equal(json_array_size(h.escalation.rules), 3);
	assert_true(head_pending(&h, "turns") && head_pending(&h, "asked"));
	assert_true(head_pending(&h, "intent_cancellation"));
	assert_false(head_pending(&h, "intent_billing"));
	survives_its_row(&h);
	head_done(&h);
}

static void a_row_that_is_no_head_is_refused(void **state)
{
	static const char *const rows[] = { "{}", "[]", "{\"owner\":\"nobody\"}", "{\"owner\":1}" };
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct head h;
		struct err e = { 0 };

		assert_int_equal(head_read(&h, json_read_own(mem, rows[i]), &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
	}
	arena_free(mem);
}

/* Strangers' long things. */

static json_t *long_text(const char *piece, int times)
{
	size_t n = strlen(piece);
	char *s = mem_alloc(n * (size_t)times + 1);
	json_t *j;

	for (int i = 0; i < times; i++)
		memcpy(s + n * (size_t)i, piece, n);
	j = json_string(s);
	free(s);
	return j;
}

/* Many small members, one large one, a deep one: all of 100 KB and more. */
static json_t *huge(int shape)
{
	json_t *j = json_pack("{ss ss}", "id", "cust-1", "name", "Ada"), *deep = json_integer(1);

	for (int i = 0; shape == 0 && i < 5000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "member %d", i);
		json_object_set_new(j, key, json_string("\"quoted\" and \xc3\xbc"));
	}
	if (shape == 1)
		json_object_set_new(j, "notes", long_text("\xf0\x9f\x98\x80\n\"", 30000));
	for (int i = 0; shape == 2 && i < 50; i++)
		deep = json_pack("{soss}", "in", deep, "and", "a good deal of text to go with it");
	json_object_set_new(j, "deep", deep);
	if (shape == 3) {
		json_object_set_new(j, "id", long_text("x", 5000));
		json_object_set_new(j, "name", long_text("\x01\"\\", 5000));
	}
	return j;
}

static void the_head_is_small_whatever_strangers_write(void **state)
{
	(void)state;
	for (int shape = 0; shape < 4; shape++) {
		struct head h;
		json_t *intents = json_array();

		for (int i = 0; i < 500; i++)
			json_array_append_new(intents,
			    json_pack("{so sf}", "name", long_text("refund ", 100), "p", 0.9));
		head_init(&h);
		apply(&h, EVENT_CREATED,
		    json_pack("{so so so}", "customer", huge(shape), "identity",
			json_string("verified"), "channel", long_text("\x01\xc3\xbc", 1000)));
		survives_its_row(&h);
		apply(&h, EVENT_PROFILE, json_pack("{so}", "profile", huge(shape)));
		survives_its_row(&h);
		apply(&h, EVENT_INTENTS, json_pack("{so}", "intents", intents));
		survives_its_row(&h);
		apply(&h, EVENT_ESCALATED,
		    json_pack("{ss so so}", "kind", "handoff", "reason",
			long_text("\x01\xe2\x82\xac", 1000), "rule", long_text("\x02", 1000)));
		survives_its_row(&h);
		/* An id that was cut would be somebody else's. */
		if (shape == 3) {
			assert_null(h.customer);
			assert_string_equal(h.identity, "anonymous");
		} else {
			assert_string_equal(head_customer_id(&h), "cust-1");
			assert_string_equal(json_str(h.customer, "name"), "Ada");
		}
		head_done(&h);
	}
}

static void what_fits_is_kept_whole(void **state)
{
	struct head h;
	json_t *c = json_pack("{ss ss ss ss}", "id", "cust-1", "name", "Ada", "email",
		   "ada@example.com", "plan", "gold"),
	       *intents = json_array();

	(void)state;
	for (int i = 0; i < 5; i++)
		json_array_append_new(
		    intents, json_pack("{ss sf}", "name", "refund_status", "p", 0.5));
	head_init(&h);
	apply(&h, EVENT_CREATED, json_pack("{sO}", "customer", c));
	apply(&h, EVENT_INTENTS, json_pack("{sO}", "intents", intents));
	apply(&h, EVENT_PROFILE, json_pack("{so}", "profile", long_text("x", 1300)));
	assert_true(json_equal(h.customer, c));
	assert_true(json_equal(h.intents, intents));
	assert_int_equal(json_string_length(h.profile), 1300);
	json_decref(c);
	json_decref(intents);
	head_done(&h);
}

/* Any events in any order: the row is the fold. */
static void any_log_folds_to_what_its_row_says(void **state)
{
	static const char *const roles[] = { "customer", "ai", "person", "system" },
				 *const kinds[] = { "handoff", "approval", "review", "nonsense" };
	uint64_t chance = check_seed();

	(void)state;
	for (int seed = 0; seed < 300; seed++) {
		struct head h;

		head_init(&h);
		for (int i = 0; i < 30; i++) {
			int dice;

			chance = chance * 6364136223846793005u + 1442695040888963407u;
			dice = (int)(chance >> 40);
			apply(&h, (enum event_kind)(dice % EVENT_KINDS),
			    json_pack("{ss ss sb sb s{ss} sI si s[{ss sf}] s{sI} sI sI}", "role",
				roles[dice / 16 % 4], "kind", kinds[dice / 64 % 4], "ok",
				dice / 256 % 2, "write", dice / 512 % 2, "customer", "id", "c",
				"answered", (json_int_t)(dice / 1024 % 30), "steps", dice % 7,
				"intents", "name", "x", "p", 0.1 * (dice % 10), "usage",
				"input_tokens", (json_int_t)(dice % 1000), "cost", (json_int_t)dice,
				"lost_cost", (json_int_t)(dice / 3)));
			survives_its_row(&h);
			assert_true(h.open_since <= h.last_customer);
			assert_true(h.seq == i + 1);
		}
		head_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_from_its_beginning_to_its_end),
		cmocka_unit_test(a_message_that_the_turn_did_not_answer_stays_open),
		cmocka_unit_test(a_recap_covers_turns_that_have_ended_and_never_less_than_before),
		cmocka_unit_test(it_is_known_whether_we_asked_for_a_card),
		cmocka_unit_test(what_was_spent_is_counted_once),
		cmocka_unit_test(the_heaviest_escalation_is_shown),
		cmocka_unit_test(every_rule_that_fired_is_remembered),
		cmocka_unit_test(a_row_that_is_no_head_is_refused),
		cmocka_unit_test(the_head_is_small_whatever_strangers_write),
		cmocka_unit_test(what_fits_is_kept_whole),
		cmocka_unit_test(any_log_folds_to_what_its_row_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
