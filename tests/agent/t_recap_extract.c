#include "check.h"

#include "agent/recap.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* A recap without a model: which bullets a history gives, and what goes when there are too many. */

struct story {
	struct arena *mem;
	struct wire *w;
	int64_t seq;
};

static void tell(struct story *s, enum event_kind kind, json_t *data)
{
	struct event ev = { .seq = ++s->seq, .kind = kind, .data = json_in(s->mem, data) };

	assert_non_null(data);
	wire_append(s->w, &ev);
}

static void says(struct story *s, const char *role, const char *text)
{
	tell(s, EVENT_MESSAGE,
	    json_pack("{ss ss ss*}", "role", role, "content", text, "author",
		text_is(role, "person") ? "Bo" : NULL));
}

/* value: JSON, or, when it is no JSON, the reason for a failure. */
static void calls(
    struct story *s, const char *name, const char *effect, const char *args, const char *value)
{
	struct err e;
	json_t *result = json_loads(value, JSON_DECODE_ANY, NULL);

	tell(s, EVENT_STEP,
	    json_pack("{s[{ss ss ss so}]}", "calls", "id", "a", "name", name, "effect", effect,
		"arguments", json_incref(json_read_in(s->mem, args, strlen(args), &e))));
	tell(s, EVENT_RESULT,
	    json_pack("{ss sb so* ss}", "call", "a", "ok", (int)(result != NULL), "result", result,
		"reason", value));
}

static struct story story(void)
{
	return (struct story){ .mem = arena_new(), .w = wire_new() };
}

static const char *recap_of(struct story *s, size_t max)
{
	return recap_extract(s->mem, s->w, wire_len(s->w), max);
}

/* What stands in the place of all so far. */
static void recap_all(struct story *s, const char *text)
{
	tell(s, EVENT_TURN_ENDED, json_object());
	tell(s, EVENT_RECAP, json_pack("{ss sI}", "text", text, "upto", (json_int_t)s->seq));
	assert_int_equal(wire_len(s->w), 1);
}

static void done(struct story *s)
{
	wire_free(s->w);
	arena_free(s->mem);
}

static void one_bullet_for_each_thing_that_matters(void **state)
{
	struct story s = story();

	(void)state;
	says(&s, "customer",
	    "Hello, good morning! I want my money back for FW-1001. It broke.\nToday! "
	    "Thank you very much.");
	calls(&s, "lookup_order", "read", "{\"order_id\":\"FW-1001\"}",
	    "{\"rows\":[{\"id\":\"FW-1001\",\"total_cents\":12900,\"note\":null,\"items\":"
	    "[{\"name\":\"Boots\"}]},{\"id\":\"FW-1002\"}],\"truncated\":false}");
	calls(&s, "lookup_stock", "read", "{}", "Tool lookup_stock failed: down");
	calls(&s, "refund", "write", "{\"order_id\":\"FW-1001\",\"amount_cents\":12900}",
	    "{\"refund\":\"R-77\"}");
	calls(&s, "lookup_parcel", "read", "{}", "{\"rows\":[],\"truncated\":false}");
	calls(&s, "cancel", "write", "{\"id\":3}", "Tool cancel failed: not paid");
	calls(&s, "escalate_to_human", "read", "{\"reason\":\"x\"}", "{\"status\":\"ok\"}");
	says(&s, "ai",
	    "I have refunded 129.00. You will have it on Friday. Will that do? Thank you.");
	tell(&s, EVENT_ESCALATED, json_pack("{ss ss}", "kind", "review", "reason", "a complaint"));
	assert_string_equal(recap_of(&s, 2500),
	    "Wants:\n"
	    "- I want my money back for FW-1001. It broke. Today!\n"
	    "Facts:\n"
	    "- lookup_order(order_id=FW-1001): id=FW-1001, total_cents=12900, name=Boots; "
	    "id=FW-1002\n"
	    "- lookup_parcel: nothing was found\n"
	    "- cancel(id=3): Tool cancel failed: not paid\n"
	    "Done:\n"
	    "- refund(order_id=FW-1001, amount_cents=12900): refund=R-77\n"
	    "Promised:\n"
	    "- You will have it on Friday.\n"
	    "Open:\n"
	    "- A colleague has been asked (review): a complaint");
	done(&s);
}

static void a_person_closes_what_was_open(void **state)
{
	struct story s = story();

	(void)state;
	tell(&s, EVENT_ESCALATED, json_pack("{ss ss}", "kind", "handoff", "reason", "a threat"));
	says(&s, "person", "Hello, I have read it all. We will replace it.");
	assert_string_equal(recap_of(&s, 2500),
	    "Facts:\n"
	    "- Bo (a colleague) said: Hello, I have read it all. We will replace it.\n"
	    "Promised:\n"
	    "- We will replace it.");
	done(&s);
}

static void the_recap_before_is_taken_in(void **state)
{
	struct story s = story();

	(void)state;
	recap_all(&s, "## Wants:\n- a refund\n\n**Facts:**\n* FW-1 is blue\n- f(a=1): x=1\nDone:\n"
		      "- refund(id=1)\nOpen:\n- (3 before these)\n- a question");
	says(&s, "customer", "Thanks");
	says(&s, "customer", "no, a new one");
	calls(&s, "f", "read", "{\"a\":1}", "{\"x\":2}"); /* news of the same */
	assert_string_equal(recap_of(&s, 2500), "Wants:\n"
						"- a refund\n"
						"- no, a new one\n"
						"Facts:\n"
						"- FW-1 is blue\n"
						"- f(a=1): x=2\n"
						"Done:\n"
						"- refund(id=1)\n"
						"Open:\n"
						"- (3 before these)\n"
						"- a question");
	done(&s);
}

static void what_goes_first_is_the_oldest_fact_and_never_what_was_done(void **state)
{
	struct story s = story();
	const char *text = "";

	(void)state;
	for (int i = 0; i < 200; i++) {
		char args[40];

		snprintf(args, sizeof(args), "{\"id\":%d}", 1000 + i);
		says(&s, "customer", arena_printf(s.mem, "Wish %d.", i));
		calls(&s, "look", "read", args, "{\"state\":\"a state of some length\"}");
		if (i % 10 == 0)
			calls(&s, "change", "write", args, "true");
		text = recap_of(&s, 1500);
		assert_true(strlen(text) <= 1500);
		recap_all(&s, text);
	}
	assert_non_null(strstr(text, "look(id=1199)"));
	assert_null(strstr(text, "look(id=1100)"));
	assert_non_null(strstr(text, "Wish 199."));
	for (int i = 0; i < 200; i += 10)
		assert_non_null(
		    strstr(text, arena_printf(s.mem, "- change(id=%d): true", 1000 + i)));
	done(&s);
}

static void too_much_that_was_done_is_counted(void **state)
{
	struct story s = story();
	const char *text = "";
	int counted, listed = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char args[40];

		snprintf(args, sizeof(args), "{\"id\":%d}", 1000 + i);
		calls(&s, "change", "write", args, "true");
		text = recap_of(&s, 1500);
		assert_true(strlen(text) <= 3000);
		recap_all(&s, text);
	}
	assert_int_equal(sscanf(text, "Done:\n- (%d before these)", &counted), 1);
	for (const char *p = text; (p = strstr(p, "change(")); p++)
		listed++;
	assert_int_equal(counted + listed, 300);
	assert_non_null(strstr(text, "change(id=1299)"));
	done(&s);
}

static void whatever_was_said_it_is_utf8_and_has_a_bullet(void **state)
{
	static const char *const texts[] = { "", "\xc3\xbc\xc3\xbc\xc3\xbc", "# - *",
		"Wants:", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "\n\n-\n",
		"{\"a\":[[[1,2]]]}" };

	(void)state;
	for (size_t i = 0; i < array_len(texts); i++)
		for (int times = 1; times < 400; times = times * 3 + 1) {
			struct story s = story();
			struct buf b = { 0 };
			const char *text;

			for (int k = 0; k < times; k++)
				buf_adds(&b, texts[i]);
			says(&s, "customer", buf_str(&b));
			says(&s, "ai", buf_str(&b));
			says(&s, "person", buf_str(&b));
			calls(&s, "f", "write", "{}", buf_str(&b));
			text = recap_of(&s, 300);
			assert_true(text_is_utf8(text, strlen(text)));
			assert_non_null(strstr(text, "- "));
			recap_all(&s, text);
			assert_string_equal(recap_of(&s, 300), text);
			buf_done(&b);
			done(&s);
		}
}

static void a_transcript_has_all_of_it_or_is_none(void **state)
{
	struct story s = story();
	char *much = arena_alloc(s.mem, 3001);

	(void)state;
	says(&s, "customer", "Hi");
	calls(&s, "look", "read", "{\"id\":1}", "{\"a\":2}");
	says(&s, "person", "Hello");
	assert_string_equal(recap_transcript(s.mem, s.w, wire_len(s.w), 2500),
	    "Customer: Hi\nCall look: {\"id\":1}\nResult of look: {\"a\":2}\nColleague Bo: "
	    "Hello\n");
	assert_null(recap_transcript(s.mem, s.w, wire_len(s.w), 20));
	memset(much, 'x', 3000);
	calls(&s, "look", "read", "{}", arena_printf(s.mem, "\"%s\"", much));
	assert_true(strlen(recap_transcript(s.mem, s.w, wire_len(s.w), 2500)) < 1700);
	done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bullet_for_each_thing_that_matters),
		cmocka_unit_test(a_person_closes_what_was_open),
		cmocka_unit_test(the_recap_before_is_taken_in),
		cmocka_unit_test(what_goes_first_is_the_oldest_fact_and_never_what_was_done),
		cmocka_unit_test(too_much_that_was_done_is_counted),
		cmocka_unit_test(whatever_was_said_it_is_utf8_and_has_a_bullet),
		cmocka_unit_test(a_transcript_has_all_of_it_or_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
