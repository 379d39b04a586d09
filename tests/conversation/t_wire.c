#include "check.h"

#include "base/mem.h"
#include "base/text.h"
#include "conversation/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The history as a model may see it, under logs of every kind.
 *
 * Three parts: logs that a person can read, with the history they give; thousands of logs without
 * any sense (orphans, duplicates, everything in any order), which must still give a legal history;
 * and thousands that an agent could have written, with crashes, whose history must hold what was
 * shown exactly once and nothing else as the AI's words. */

#define SEEDS   3000
#define LOG_MAX 2000

/* A dialect whose lines are easy to read. */

static void render(const struct wire_dialect *d, struct buf *out, const struct wire_message *m)
{
	static const char letters[] = { [WIRE_CUSTOMER] = 'C',
		[WIRE_AI] = 'A',
		[WIRE_RESULTS] = 'R',
		[WIRE_PERSON] = 'P',
		[WIRE_NOTE] = 'N',
		[WIRE_RECAP] = 'S' };

	(void)d;
	buf_printf(out, "\n%c", letters[m->role]);
	if (m->text)
		buf_printf(out, " %s", m->text);
	for (int i = 0; m->calls && i < m->n; i++)
		buf_printf(out, " %s()", m->calls[i].name);
	for (int i = 0; m->results && i < m->n; i++)
		buf_printf(out, " %s=%s", m->results[i].name, m->results[i].text);
}

static const struct wire_dialect plain = { "plain", render };

static char *sent(struct wire *w, struct arena *mem)
{
	struct buf all = { 0 };
	const struct wire_message *tail;
	char *text;
	int n;

	buf_adds(&all, buf_str(wire_bytes(w, &plain)));
	tail = wire_tail(w, mem, &n);
	for (int i = 0; i < n; i++)
		render(&plain, &all, &tail[i]);
	text = arena_strdup(mem, buf_str(&all) + (all.len > 0));
	buf_done(&all);
	return text;
}

/* Logs to read: one event a line, KIND JSON. */

static void append_line(struct wire *w, const char *line, int64_t seq)
{
	struct arena *mem = arena_new();
	const char *space = strchr(line, ' ');
	char *kind = arena_strndup(mem, line, (size_t)(space - line));
	struct event ev = { .seq = seq, .turn = "t1", .data = json_read_own(mem, space + 1) };
	int k = event_kind_named(kind);

	assert_true(k >= 0);
	ev.kind = (enum event_kind)k;
	wire_append(w, &ev);
	arena_free(mem);
}

static void gives(const char *const *log, const char *want)
{
	struct arena *mem = arena_new();
	struct wire *w = wire_new();

	for (int i = 0; log[i]; i++)
		append_line(w, log[i], i + 1);
	assert_string_equal(sent(w, mem), want);
	wire_free(w);
	arena_free(mem);
}

#define LOG(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define CUSTOMER(text)  "message {\"role\":\"customer\",\"content\":\"" text "\"}"
#define AI(text)        "message {\"role\":\"ai\",\"content\":\"" text "\"}"
#define PART(run, text) "reply.part {\"run\":" #run ",\"content\":\"" text "\"}"
#define TWO_CALLS                                                                                  \
	"model.step {\"run\":1,\"text\":\"\",\"calls\":[{\"id\":\"a\",\"name\":\"order\"},"        \
	"{\"id\":\"b\",\"name\":\"policy\"}]}"
#define OK(id, value)   "tool.result {\"call\":\"" id "\",\"ok\":true,\"result\":" value "}"
#define BAD(id, value)  "tool.result {\"call\":\"" id "\",\"ok\":false,\"reason\":\"" value "\"}"
#define SAYS(run, text) "model.step {\"run\":" #run ",\"text\":\"" text "\",\"calls\":[]}"
#define SUPERSEDED(run, text)                                                                      \
	"model.step {\"run\":" #run ",\"text\":\"" text "\",\"calls\":[],\"superseded\":true}"
#define ENDED "turn.ended {\"answered\":1}"
#define CUT   "interrupted: the call was not finished"
#define GO_ON                                                                                      \
	"N You were interrupted after saying this; the customer has read it. Go on from there."

static void results_stand_in_the_order_of_the_calls(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), TWO_CALLS, OK("b", "2"), BAD("a", "down"), AI("So.")),
	    "C hi\nA order() policy()\nR order=down policy=2\nA So.");
}

static void an_open_call_is_interrupted_until_its_result_comes(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), TWO_CALLS, OK("b", "2")),
	    "C hi\nA order() policy()\nR order=" CUT " policy=2");
	gives(LOG(CUSTOMER("hi"), TWO_CALLS, OK("b", "2"), OK("a", "1")),
	    "C hi\nA order() policy()\nR order=1 policy=2");
	gives(LOG(CUSTOMER("hi"), TWO_CALLS, OK("b", "2"), ENDED, OK("a", "1")),
	    "C hi\nA order() policy()\nR order=" CUT " policy=2");
}

static void what_comes_while_calls_are_open_follows_their_results(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), TWO_CALLS, OK("a", "1"), CUSTOMER("the blue one"), OK("b", "2")),
	    "C hi\nA order() policy()\nR order=1 policy=2\nC the blue one");
	gives(LOG(CUSTOMER("hi"), TWO_CALLS, OK("a", "1"), CUSTOMER("the blue one")),
	    "C hi\nA order() policy()\nR order=1 policy=" CUT "\nC the blue one");
}

static void a_result_without_its_call_is_no_history(void **state)
{
	(void)state;
	gives(LOG(OK("a", "1"), CUSTOMER("hi"), TWO_CALLS, OK("z", "0"), OK("a", "1"), OK("a", "9"),
		  OK("b", "2"), OK("b", "9")),
	    "C hi\nA order() policy()\nR order=1 policy=2");
}

static void equal_ids_are_answered_one_after_the_other(void **state)
{
	(void)state;
	gives(LOG("model.step "
		  "{\"run\":1,\"calls\":[{\"id\":\"\",\"name\":\"x\"},{\"id\":\"\",\"name\":"
		  "\"y\"}]}",
		  OK("", "1"), OK("", "2")),
	    "A x() y()\nR x=1 y=2");
}

static void shown_parts_of_an_answer_are_in_its_message(void **state)
{
	(void)state;
	gives(
	    LOG(CUSTOMER("hi"), PART(1, "Let me see. "), PART(1, "It is blue. "),
		SAYS(1, "Let me see. It is blue. Bye."), AI("Let me see. It is blue. Bye."), ENDED),
	    "C hi\nA Let me see. It is blue. Bye.");
}

static void shown_parts_before_a_call_are_in_its_text(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), PART(1, "Let me see. "), CUSTOMER("quick"),
		  "model.step {\"run\":1,\"text\":\"Let me see. "
		  "\",\"calls\":[{\"id\":\"a\",\"name\":\"x\"}]}",
		  OK("a", "1"),
		  "message {\"role\":\"ai\",\"content\":\"Let me see. Blue.\",\"interim\":12}"),
	    "C hi\nA Let me see.  x()\nR x=1\nC quick\nA Blue.");
}

static void what_was_shown_before_a_crash_stays_said(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), PART(1, "Let me see. ")), "C hi\nA Let me see. \n" GO_ON);
	gives(LOG(CUSTOMER("hi"), PART(1, "Let me see. "), PART(3, "Blue. "), SAYS(3, "Blue. Bye."),
		  "message {\"role\":\"ai\",\"content\":\"Let me see. Blue. Bye.\",\"interim\":12}",
		  ENDED),
	    "C hi\nA Let me see. \n" GO_ON "\nA Blue. Bye.");
	gives(
	    LOG(CUSTOMER("hi"), PART(1, "Let me see. "), SAYS(3, "Bye."),
		"message {\"role\":\"ai\",\"content\":\"Let me see. Bye.\",\"interim\":12}", ENDED),
	    "C hi\nA Let me see. \n" GO_ON "\nA Bye.");
}

static void what_was_shown_before_the_turn_gave_up_stays_said(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), PART(1, "Let me see. "),
		  "message {\"role\":\"ai\",\"content\":\"Let me see. Sorry.\",\"interim\":12}",
		  ENDED),
	    "C hi\nA Let me see. \n" GO_ON "\nA Sorry.");
}

/* The request must not end with the AI's own words, or the model would not know what is asked. */
static void a_message_into_a_shown_answer_comes_after_what_was_shown(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), PART(1, "Let me see. "), CUSTOMER("the blue one"),
		  PART(1, "One moment. ")),
	    "C hi\nA Let me see. One moment. \n" GO_ON "\nC the blue one");
	gives(LOG(CUSTOMER("hi"), PART(1, "Let me see. "), CUSTOMER("the blue one"),
		  PART(1, "One moment. "), SUPERSEDED(1, "Let me see. One moment. No.")),
	    "C hi\nA Let me see. One moment. \n" GO_ON "\nC the blue one");
}

static void a_superseded_answer_that_nobody_saw_is_no_history(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), CUSTOMER("the blue one"), SUPERSEDED(1, "No."), SAYS(2, "Yes."),
		  AI("Yes."), ENDED),
	    "C hi\nC the blue one\nA Yes.");
}

static void what_a_model_left_goes_with_its_own_words_alone(void **state)
{
	struct wire *w = wire_new();

	(void)state;
	append_line(w, CUSTOMER("hi"), 1);
	append_line(w,
	    "model.step {\"run\":1,\"model\":\"m\",\"text\":\"x\",\"calls\":[],\"superseded\":true,"
	    "\"opaque\":{\"a\":1}}",
	    2);
	append_line(w, AI("Sorry."), 3); /* the turn gave up: not the model's */
	append_line(w,
	    "model.step "
	    "{\"run\":3,\"model\":\"m\",\"text\":\"x\",\"calls\":[],\"opaque\":{\"a\":2}}",
	    4);
	append_line(w, AI("x"), 5);
	assert_int_equal(wire_len(w), 3);
	assert_null(wire_at(w, 1)->opaque);
	assert_null(wire_at(w, 1)->origin);
	assert_string_equal(wire_at(w, 2)->origin, "m");
	assert_int_equal(json_int(wire_at(w, 2)->opaque, "a", 0), 2);
	wire_free(w);
}

static void blank_text_is_none(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER(" "), PART(1, "\\n"), SAYS(3, " "), AI(""), ENDED,
		  "model.step {\"run\":1,\"text\":\" \",\"calls\":[{\"id\":\"a\",\"name\":\"x\"}]}",
		  "tool.result {\"call\":\"a\",\"ok\":true}"),
	    "A x()\nR x=null");
}

#define RECAP(upto, text)                                                                          \
	"conversation.recap {\"upto\":" #upto ",\"text\":\"" text "\",\"turns\":1}"

static void a_recap_stands_for_whole_turns(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, CUSTOMER("how?"), AI("So."), ENDED,
		  RECAP(3, "- hi")),
	    "S - hi\nC how?\nA So.");
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, CUSTOMER("how?"), AI("So."), ENDED,
		  RECAP(3, "- hi"), RECAP(6, "- hi, so")),
	    "S - hi, so");
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, RECAP(3, "- hi"), RECAP(3, "- hi again")),
	    "S - hi again");
}

static void a_recap_of_no_whole_turns_is_none(void **state)
{
	static const char hello[] = "C hi\nA Hello.";

	(void)state;
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, RECAP(2, "- hi")), hello);
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, RECAP(0, "- hi")), hello);
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, RECAP(4, "- hi")), hello);
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, RECAP(3, " ")), hello);
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, CUSTOMER("how?"), AI("So."), ENDED,
		  RECAP(6, "- all"), RECAP(3, "- late")),
	    "S - all");
}

static void a_recap_in_the_middle_of_a_turn_leaves_it_as_it_is(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, CUSTOMER("how?"), TWO_CALLS, OK("b", "2"),
		  CUSTOMER("the blue one"), RECAP(3, "- hi")),
	    "S - hi\nC how?\nA order() policy()\nR order=" CUT " policy=2\nC the blue one");
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, CUSTOMER("how?"), TWO_CALLS, OK("b", "2"),
		  CUSTOMER("the blue one"), RECAP(3, "- hi"), OK("b", "9"), OK("a", "1"), AI("So."),
		  ENDED),
	    "S - hi\nC how?\nA order() policy()\nR order=1 policy=2\nC the blue one\nA So.");
	gives(LOG(CUSTOMER("hi"), AI("Hello."), ENDED, CUSTOMER("how?"), PART(1, "Let me see. "),
		  CUSTOMER("the blue one"), RECAP(3, "- hi"), PART(1, "One moment. ")),
	    "S - hi\nC how?\nA Let me see. One moment. \n" GO_ON "\nC the blue one");
}

static void what_a_recap_covers_leaves_the_memory(void **state)
{
	struct wire *w = wire_new();
	int64_t seq = 0;
	size_t before, weight;

	(void)state;
	for (int i = 0; i < 50; i++) {
		append_line(w, CUSTOMER("a message of some length, to have something"), ++seq);
		append_line(w, AI("and an answer that says as much again, or more"), ++seq);
		append_line(w, ENDED, ++seq);
	}
	wire_bytes(w, &plain);
	before = wire_size(w);
	weight = wire_weight(w);
	assert_int_equal(wire_turns(w), 50);
	assert_int_equal(wire_turn_at(w, 47).end, 144);
	assert_int_equal(wire_turn_at(w, 47).upto, 96);
	assert_int_equal(wire_turn_at(w, 49).weight, weight);
	append_line(w, RECAP(144, "- much"), ++seq);
	assert_int_equal(wire_turns(w), 2);
	assert_int_equal(wire_turn_at(w, 0).upto, 3);
	assert_int_equal(wire_turn_at(w, 1).weight, wire_weight(w));
	assert_true(wire_size(w) * 4 < before);
	assert_true(wire_weight(w) * 15 < weight);
	wire_free(w);
}

static void people_and_decisions_are_told(void **state)
{
	(void)state;
	gives(LOG(CUSTOMER("hi"),
		  "escalated {\"kind\":\"handoff\",\"reason\":\"too dear\",\"rule\":\"r\"}",
		  "message {\"role\":\"person\",\"author\":\"Bo\",\"content\":\"I am here\"}",
		  "message {\"role\":\"system\",\"content\":\"approved\"}"),
	    "C hi\nN A colleague has been asked (handoff): too dear\nP I am here\nN approved");
}

/* Chance, by seed. */

struct chance {
	uint64_t state;
};

static int below(struct chance *c, int n)
{
	c->state = c->state * 6364136223846793005u + 1442695040888963407u;
	return (int)((c->state >> 33) % (uint64_t)n);
}

/* Laws (1), (2) and (5) of what would be sent. */
static const char *broken_law(struct wire *w, struct arena *mem)
{
	const struct wire_message *tail, *m, *next;
	struct {
		const char *id;
	} * seen;
	int nt, n, ids = 0, room = 0;
	const struct wire_message **all;

	tail = wire_tail(w, mem, &nt);
	n = wire_len(w) + nt;
	all = arena_array(mem, const struct wire_message *, n);
	for (int i = 0; i < n; i++) {
		all[i] = i < wire_len(w) ? wire_at(w, i) : &tail[i - wire_len(w)];
		room += all[i]->n;
	}
	seen = arena_alloc(mem, sizeof(*seen) * (size_t)(room + 1));
	for (int i = 0; i < n; i++) {
		m = all[i];
		next = i + 1 < n ? all[i + 1] : NULL;
		if (m->role == WIRE_RESULTS && (!i || !all[i - 1]->calls))
			return "results without calls before them";
		if (m->role != WIRE_RESULTS && m->role != WIRE_AI && !m->text)
			return "a message without text";
		if (m->text && text_blank(m->text))
			return "a message with blank text";
		if (m->role == WIRE_AI && !m->text && !m->n)
			return "the AI said nothing";
		if (!m->calls)
			continue;
		if (!next || next->role != WIRE_RESULTS || next->n != m->n)
			return "calls without their results behind them";
		for (int k = 0; k < m->n; k++) {
			if (!text_is(m->calls[k].id, next->results[k].id) ||
			    !text_is(m->calls[k].name, next->results[k].name))
				return "results in another order than the calls";
			if (!json_is_object(m->calls[k].arguments) || !next->results[k].text)
				return "a call without arguments, or a result without text";
			if (!*m->calls[k].id)
				return "an empty id";
			for (int s = 0; s < ids; s++)
				if (text_is(seen[s].id, m->calls[k].id))
					return "an id used twice";
			seen[ids++].id = m->calls[k].id;
		}
	}
	return NULL;
}

/* The wire grew at its end only: what was closed is as it was, so are the bytes, and folding from
 * the start gives the same. */
struct before {
	char *bytes;
	int closed;
};

static void grew(struct wire *w, struct before *b)
{
	const struct buf *now = wire_bytes(w, &plain);

	assert_true(wire_len(w) >= b->closed);
	assert_true(text_starts(buf_str(now), b->bytes ? b->bytes : ""));
	free(b->bytes);
	b->bytes = mem_strdup(buf_str(now));
	b->closed = wire_len(w);
}

static const char *const texts[] = { "", " ", "hello", "\xc3\xbc", "two\nlines" };

static const char *some_id(struct chance *c)
{
	static const char *const ids[] = { "", "a", "b", "c", "a" };

	return ids[below(c, (int)array_len(ids))];
}

/* An event of any kind at any time, members missing or of the wrong type now and then. */
static json_t *wild(struct chance *c, enum event_kind kind)
{
	static const char *const roles[] = { "customer", "ai", "person", "system", "nobody" };
	json_t *data = json_object(), *calls = json_array();

	if (below(c, 4)) {
		json_object_set_new(data, "content", json_string(texts[below(c, 5)]));
		json_object_set_new(data, "text", json_string(texts[below(c, 5)]));
	}
	json_object_set_new(data, "role", json_string(roles[below(c, 5)]));
	json_object_set_new(data, "run", json_integer(below(c, 3)));
	json_object_set_new(data, "call", json_string(some_id(c)));
	json_object_set_new(data, "ok", json_boolean(below(c, 2)));
	json_object_set_new(data, "interim", json_integer(below(c, 12) - 3));
	if (below(c, 4) == 0)
		json_object_set_new(data, "superseded", json_true());
	if (below(c, 2))
		json_object_set_new(data, "result", json_pack("[i]", below(c, 9)));
	for (int n = below(c, 4); kind == EVENT_STEP && n > 0; n--)
		json_array_append_new(
		    calls, below(c, 8) ? json_pack("{ss ss so}", "id", some_id(c), "name", "tool",
					     "arguments", below(c, 3) ? json_object() : json_null())
				       : json_integer(7));
	json_object_set_new(data, "calls", calls);
	json_object_set_new(data, "upto", json_integer(below(c, 40)));
	return data;
}

/* A history that is read from the place of the last recap on is the same. */
static void same_when_cold(struct wire *w, const struct event *log, int n, struct arena *mem)
{
	struct wire *cold = wire_new();
	bool short_ = wire_len(w) && wire_at(w, 0)->role == WIRE_RECAP;

	wire_begin(cold, short_ ? wire_at(w, 0)->seq : 0);
	for (int i = 0; i < n; i++)
		if (!short_ || log[i].seq > wire_at(w, 0)->seq)
			wire_append(cold, &log[i]);
	assert_string_equal(sent(cold, mem), sent(w, mem));
	assert_string_equal(buf_str(wire_bytes(cold, &plain)), buf_str(wire_bytes(w, &plain)));
	assert_int_equal(wire_turns(cold), wire_turns(w));
	for (int i = 0; i < wire_turns(w); i++) {
		assert_int_equal(wire_turn_at(cold, i).upto, wire_turn_at(w, i).upto);
		assert_int_equal(wire_turn_at(cold, i).weight, wire_turn_at(w, i).weight);
	}
	assert_int_equal(wire_weight(cold), wire_weight(w));
	wire_free(cold);
}

/* The bytes begin anew. */
static void forget(struct before *b)
{
	free(b->bytes);
	*b = (struct before){ 0 };
}

static void any_log_gives_a_legal_history(void **state)
{
	(void)state;
	for (int seed = 1; seed <= SEEDS; seed++) {
		struct chance c = { (uint64_t)seed + check_seed() * 1000003 };
		struct wire *w = wire_new(), *again = wire_new();
		struct before b = { 0 };
		struct arena *mem = arena_new();
		struct event log[60];
		int64_t end = 0;

		for (int64_t seq = 1; seq <= 60; seq++) {
			struct event ev = { .seq = seq,
				.turn = below(&c, 2) ? "t1" : NULL,
				.kind = (enum event_kind)below(&c, EVENT_KINDS) };
			const char *law;

			ev.data = json_in(mem, wild(&c, ev.kind));
			if (ev.kind == EVENT_TURN_ENDED)
				end = seq;
			if (ev.kind == EVENT_RECAP && below(&c, 2))
				json_object_set_new(
				    json_unconst(ev.data), "upto", json_integer(end));
			log[seq - 1] = ev;
			if (ev.kind == EVENT_RECAP)
				forget(&b);
			wire_append(w, &ev);
			wire_append(again, &ev);
			law = broken_law(w, mem);
			if (law)
				fail_msg("seed %d, event %d: %s:\n%s", seed, (int)seq, law,
				    sent(w, mem));
			grew(w, &b);
		}
		same_when_cold(w, log, 60, mem);
		assert_string_equal(
		    buf_str(wire_bytes(w, &plain)), buf_str(wire_bytes(again, &plain)));
		assert_true(wire_size(w) > 0);
		free(b.bytes);
		wire_free(w);
		wire_free(again);
		arena_free(mem);
	}
}

/* A log that an agent could have written: turns, steps, parts with a reader or without, messages
 * in the middle, a crash anywhere.  Each text holds a word of its own, so that it can be counted.
 */

struct writer {
	struct chance c;
	struct wire *w;
	struct arena *mem;
	struct before before;
	int64_t seq, run;
	int words;
	struct buf shown;    /* of this turn */
	size_t shown_before; /* of it, what came before this run */
	struct buf run_text; /* all of this run */
	bool newer;          /* the customer wrote since the run began */
	struct {
		int times; /* how often the AI must have said it: -1 does not matter */
		bool customer;
	} want[700];
	struct event *log;
	struct {
		int64_t seq;
		int words;
	} ends[16]; /* of turns */
	int nends, recapped;
};

static char *word(struct writer *r, int times, bool customer)
{
	char *s = arena_printf(r->mem, "w%d.\n", r->words);

	r->want[r->words].times = times;
	r->want[r->words++].customer = customer;
	return s;
}

static void write_event(struct writer *r, enum event_kind kind, json_t *data)
{
	struct event ev = {
		.seq = ++r->seq, .turn = "t", .kind = kind, .data = json_in(r->mem, data)
	};
	const char *law;

	assert_true(r->seq <= LOG_MAX);
	r->log[r->seq - 1] = ev;
	if (kind == EVENT_RECAP)
		forget(&r->before);
	wire_append(r->w, &ev);
	law = broken_law(r->w, r->mem);
	if (law)
		fail_msg("event %d: %s:\n%s", (int)r->seq, law, sent(r->w, r->mem));
	grew(r->w, &r->before);
}

/* Any turn that has ended may be the last that a recap covers, at any time: what was said up to
 * there is gone. */
static void maybe_recap(struct writer *r)
{
	int n = r->nends ? below(&r->c, r->nends * 12) : 1;

	if (n >= r->nends)
		return;
	write_event(r, EVENT_RECAP,
	    json_pack("{ss sI}", "text", "- what was", "upto", (json_int_t)r->ends[n].seq));
	for (int i = 0; i < r->ends[n].words; i++)
		r->want[i].times = 0;
	r->recapped++;
}

static void customer_writes(struct writer *r)
{
	write_event(r, EVENT_MESSAGE,
	    json_pack("{ss ss}", "role", "customer", "content", word(r, 1, true)));
	r->newer = true;
}

static void maybe_customer(struct writer *r)
{
	if (below(&r->c, 6) == 0)
		customer_writes(r);
	maybe_recap(r);
}

static void run_begins(struct writer *r)
{
	r->run = r->seq;
	r->newer = false;
	r->shown_before = r->shown.len;
	buf_clear(&r->run_text);
}

/* Sentences of this run: some are shown; from one on they are held. */
static void parts(struct writer *r, bool reader)
{
	for (int n = below(&r->c, 4); reader && n > 0; n--) {
		char *s = word(r, 1, false);

		buf_adds(&r->run_text, s);
		buf_adds(&r->shown, s);
		write_event(
		    r, EVENT_PART, json_pack("{ss sI}", "content", s, "run", (json_int_t)r->run));
		maybe_customer(r);
	}
}

static void step_event(struct writer *r, int ncalls, bool superseded)
{
	json_t *calls = json_array(), *data;

	for (int i = 0; i < ncalls; i++)
		json_array_append_new(calls,
		    json_pack("{ss ss s{}}", "id", arena_printf(r->mem, "%d_%d", (int)r->seq, i),
			"name", "tool", "arguments"));
	data = json_pack(
	    "{sI ss so}", "run", (json_int_t)r->run, "text", buf_str(&r->run_text), "calls", calls);
	if (superseded)
		json_object_set_new(data, "superseded", json_true());
	write_event(r, EVENT_STEP, data);
}

static void message_event(struct writer *r, size_t before, const char *text)
{
	char *content =
	    arena_printf(r->mem, "%.*s%s", (int)before, before ? r->shown.data : "", text);

	write_event(r, EVENT_MESSAGE,
	    json_pack(
		"{ss ss sI}", "role", "ai", "content", content, "interim", (json_int_t)before));
	write_event(r, EVENT_TURN_ENDED, json_pack("{sI}", "answered", (json_int_t)r->seq));
	r->ends[r->nends].seq = r->seq;
	r->ends[r->nends++].words = r->words;
	maybe_recap(r);
}

static void calls(struct writer *r)
{
	int n = 1 + below(&r->c, 3), left[3] = { 0, 1, 2 };
	int64_t seq = r->seq;

	buf_adds(&r->run_text, word(r, -1, false)); /* held back: nobody read it */
	step_event(r, n, false);
	r->shown_before = r->shown.len;
	while (n > 0) {
		int i = below(&r->c, n);

		if (below(&r->c, 10) == 0)
			return; /* the turn's time is up, or we died: no more results */
		write_event(r, EVENT_RESULT,
		    json_pack("{ss sb si}", "call",
			arena_printf(r->mem, "%d_%d", (int)seq, left[i]), "ok", 1, "result", i));
		left[i] = left[--n];
		maybe_customer(r);
	}
}

/* What is sent when the model is asked must end with something to answer to. */
static void asked(struct writer *r)
{
	int n;
	const struct wire_message *tail = wire_tail(r->w, r->mem, &n), *last;

	last = n ? &tail[n - 1] : wire_at(r->w, wire_len(r->w) - 1);
	if (last->role == WIRE_AI)
		fail_msg("asked with the AI's own words at the end:\n%s", sent(r->w, r->mem));
}

static void turn(struct writer *r)
{
	bool reader = below(&r->c, 2);

	buf_clear(&r->shown);
	customer_writes(r);
	for (int steps = 0;; steps++) {
		asked(r);
		run_begins(r);
		parts(r, reader);
		if (steps > 6 || below(&r->c, 8) == 0) { /* no model answered, or a limit passed */
			message_event(r, r->shown.len, word(r, 1, false));
			return;
		}
		switch (below(&r->c, 8)) {
		case 0: reader = below(&r->c, 2); break; /* a crash: the loop begins again */
		case 1:
		case 2:
		case 3: calls(r); break;
		default:
			maybe_customer(r);
			buf_adds(&r->run_text, word(r, !r->newer, false));
			step_event(r, 0, r->newer);
			if (r->newer)
				break;
			message_event(r, r->shown_before, r->run_text.data);
			return;
		}
	}
}

static int count(const char *text, const char *needle)
{
	int n = 0;

	for (; text && (text = strstr(text, needle)); text++)
		n++;
	return n;
}

static void count_words(struct writer *r, int seed)
{
	int nt;
	const struct wire_message *tail = wire_tail(r->w, r->mem, &nt);
	struct buf ai = { 0 }, others = { 0 };

	for (int i = 0; i < wire_len(r->w) + nt; i++) {
		const struct wire_message *m =
		    i < wire_len(r->w) ? wire_at(r->w, i) : &tail[i - wire_len(r->w)];

		if (m->text)
			buf_adds(m->role == WIRE_AI ? &ai : &others, m->text);
	}
	for (int i = 0; i < r->words; i++) {
		char *s = arena_printf(r->mem, "w%d.\n", i);
		int times = count(r->want[i].customer ? others.data : ai.data, s);

		if (r->want[i].times >= 0 && times != r->want[i].times)
			fail_msg("seed %d: %s is in the history %d times, not %d:\n%s", seed, s,
			    times, r->want[i].times, sent(r->w, r->mem));
	}
	buf_done(&ai);
	buf_done(&others);
}

static void what_was_shown_is_in_the_history_once(void **state)
{
	int recapped = 0;

	(void)state;
	for (int seed = 1; seed <= SEEDS; seed++) {
		struct writer r = { .c = { (uint64_t)seed + check_seed() * 7919 },
			.w = wire_new(),
			.mem = arena_new() };

		r.log = arena_array(r.mem, struct event, LOG_MAX);
		for (int i = 0; i < 6; i++) {
			turn(&r);
			count_words(&r, seed);
			same_when_cold(r.w, r.log, (int)r.seq, r.mem);
		}
		recapped += r.recapped;
		buf_done(&r.shown);
		buf_done(&r.run_text);
		free(r.before.bytes);
		wire_free(r.w);
		arena_free(r.mem);
	}
	assert_true(recapped > SEEDS);
}

static void every_dialect_has_bytes_of_its_own(void **state)
{
	static const struct wire_dialect more[] = { { "a", render }, { "b", render },
		{ "c", render }, { "d", render }, { "e", render } };
	struct wire *w = wire_new();
	size_t empty;

	(void)state;
	append_line(w, CUSTOMER("hi"), 1);
	empty = wire_size(w);
	for (size_t i = 0; i < array_len(more); i++)
		assert_string_equal(buf_str(wire_bytes(w, &more[i])), "\nC hi");
	assert_true(wire_size(w) > empty);
	append_line(w, AI("there"), 2);
	for (size_t i = 0; i < array_len(more); i++)
		assert_string_equal(buf_str(wire_bytes(w, &more[i])), "\nC hi\nA there");
	assert_int_equal(wire_offset(w, &more[1], 0), 0);
	assert_int_equal(wire_offset(w, &more[1], 1), strlen("\nC hi"));
	assert_int_equal(wire_offset(w, &more[1], 2), strlen("\nC hi\nA there"));
	assert_true(wire_size(w) < empty + 1000);
	wire_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_stand_in_the_order_of_the_calls),
		cmocka_unit_test(an_open_call_is_interrupted_until_its_result_comes),
		cmocka_unit_test(what_comes_while_calls_are_open_follows_their_results),
		cmocka_unit_test(a_result_without_its_call_is_no_history),
		cmocka_unit_test(equal_ids_are_answered_one_after_the_other),
		cmocka_unit_test(shown_parts_of_an_answer_are_in_its_message),
		cmocka_unit_test(shown_parts_before_a_call_are_in_its_text),
		cmocka_unit_test(what_was_shown_before_a_crash_stays_said),
		cmocka_unit_test(what_was_shown_before_the_turn_gave_up_stays_said),
		cmocka_unit_test(a_message_into_a_shown_answer_comes_after_what_was_shown),
		cmocka_unit_test(a_superseded_answer_that_nobody_saw_is_no_history),
		cmocka_unit_test(what_a_model_left_goes_with_its_own_words_alone),
		cmocka_unit_test(blank_text_is_none),
		cmocka_unit_test(a_recap_stands_for_whole_turns),
		cmocka_unit_test(a_recap_of_no_whole_turns_is_none),
		cmocka_unit_test(a_recap_in_the_middle_of_a_turn_leaves_it_as_it_is),
		cmocka_unit_test(what_a_recap_covers_leaves_the_memory),
		cmocka_unit_test(people_and_decisions_are_told),
		cmocka_unit_test(any_log_gives_a_legal_history),
		cmocka_unit_test(what_was_shown_is_in_the_history_once),
		cmocka_unit_test(every_dialect_has_bytes_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
