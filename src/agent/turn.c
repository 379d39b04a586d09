#include "agent/turn.h"
#include "agent/recap.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The turn.
 *
 * It keeps nothing in its hands: each time round it looks into the log (turn_log) and does
 * what comes next.  Calls without a result are run; then the model is asked; until it has
 * answered and the answer is in the log.  So a turn that a crash cut short is not resumed by any
 * special code: the same loop finds the same place. */

#define EMPTY_MAX 2 /* answers without a word, and a person is asked */

static const char unavailable[] =
    "I am sorry, I cannot answer that right now. I have asked a colleague to take over; "
    "they will answer you here.";

/* A model's answer, and what it took. */
struct answered {
	struct model_answer answer;
	struct route_outcome out;
	struct usage used;
	bool cut; /* of its words the whole sentences are left */
};

int turn_append(struct turn *t, const struct draft *d, int n, struct err *e)
{
	struct draft mine[8];

	if (n > (int)array_len(mine))
		bug("%d events in one change of a turn", n);
	for (int i = 0; i < n; i++) {
		mine[i] = d[i];
		mine[i].turn = t->id;
	}
	return conversation_append(t->c, mine, n, NULL, e) < 0 ? -1 : 0;
}

void turn_pause(struct turn *t, const char *point)
{
	if (t->agent->pause)
		t->agent->pause(t->agent->pause_self, point);
}

/* What does the customer want?  Again when more was written meanwhile. */
static int detect(struct turn *t, struct err *e)
{
	struct intent found[INTENTS_MAX];
	json_t *list;
	int n;

	if (t->judged == turn_head(t)->last_customer)
		return 0;
	t->judged = turn_head(t)->last_customer;
	n = t->agent->intents ? intents_of(t->agent->intents, prompt_message(t),
				    t->agent->config.intent_threshold, found)
			      : 0;
	list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(
		    list, json_pack("{ss sf}", "name", found[i].name, "p", found[i].p));
	if (turn_append(t,
		&(struct draft){ EVENT_INTENTS, json_pack("{so}", "intents", list), NULL }, 1,
		e) < 0)
		return -1;
	return escalate_on_message(t, e);
}

static json_t *step_event(
    struct turn *t, const struct reply *reply, const struct answered *a, json_t *calls, int64_t ms)
{
	json_t *data = json_pack("{si sI ss ss so sI}", "n", turn_log(t)->steps + 1, "run",
	    (json_int_t)reply->run, "model", a->out.who->name, "text", a->answer.text, "calls",
	    calls, "ms", (json_int_t)ms);

	if (!data)
		bug("the step of model %s is not UTF-8", a->out.who->name);
	usage_put(data, &a->used);
	if (a->out.attempts > 1)
		json_object_set_new(data, "attempts", json_integer(a->out.attempts));
	if (a->cut)
		json_object_set_new(data, "cut", json_true());
	if (a->answer.opaque)
		json_object_set(data, "opaque", json_unconst(a->answer.opaque));
	return data;
}

/* All the customer reads of this turn, in one text: what was shown already stays in front.  Of the
 * step that says `text`, the parts are in it; where no step does, all that was shown came before.
 */
static json_t *message_event(struct turn *t, const json_t *step, const char *text)
{
	const struct turn_log *log = turn_log(t);
	bool own = step && json_int(step, "run", -1) == log->run;
	size_t before = own ? log->shown_before : log->shown.len;
	const char *gap =
	    before && *text && !isspace((unsigned char)log->shown.data[before - 1]) ? "\n" : "";
	const char *content =
	    arena_printf(t->mem, "%.*s%s%s", (int)before, before ? log->shown.data : "", gap, text);

	return json_pack("{ss ss sI}", "role", "ai", "content", content, "interim",
	    (json_int_t)(before + strlen(gap)));
}

/* `last` is what the step used that is in the same change; NULL: there is none. */
static json_t *end_event(struct turn *t, const struct usage *last, const char *outcome)
{
	const struct turn_log *log = turn_log(t);
	int64_t ms = world_time(t->agent->world) - log->started_at;
	struct usage used = log->used;
	json_t *data;

	if (ms < 0) /* the clock was set back meanwhile */
		ms = 0;
	data = json_pack("{sI si si sI ss}", "answered", (json_int_t)turn_head(t)->last_customer,
	    "steps", log->steps + (last != NULL), "tool_calls", log->ncalls, "ms", (json_int_t)ms,
	    "outcome", outcome);
	if (last)
		usage_add(&used, last);
	usage_add(&used, &t->unlogged);
	usage_put(data, &used);
	if (t->unlogged.cost)
		json_object_set_new(data, "lost_cost", json_integer(t->unlogged.cost));
	return data;
}

/* What the customer sees, why a person is asked for, and the turn's end are one change.
 * `escalation` and `step` may be NULL. */
static int finish(struct turn *t, json_t *escalation, json_t *step, const struct usage *used,
    const char *text, struct err *e)
{
	bool handoff = turn_head(t)->owner == OWNER_WAITING ||
		       text_is(json_str(escalation, "kind"), "handoff");
	json_t *message = message_event(t, step, text),
	       *end = end_event(t, used, handoff ? "handed_over" : "answered");
	struct draft d[4];
	int n = 0;

	if (escalation)
		d[n++] = (struct draft){ EVENT_ESCALATED, escalation, NULL };
	if (step)
		d[n++] = (struct draft){ EVENT_STEP, step, NULL };
	d[n++] = (struct draft){ EVENT_MESSAGE, message, NULL };
	d[n++] = (struct draft){ EVENT_TURN_ENDED, end, NULL };
	return turn_append(t, d, n, e);
}

/* A limit was reached or no model answered: never in silence. */
static int give_up(struct turn *t, const char *rule, const char *reason, struct err *e)
{
	return finish(
	    t, escalation_event(t, "handoff", rule, reason, NULL), NULL, NULL, unavailable, e);
}

static int give_up_asking(struct turn *t, const struct route_outcome *out, struct err *e)
{
	if (text_is(t->limit, "limit_tokens"))
		return give_up(
		    t, t->limit, "the answer would take more tokens than the limit allows", e);
	if (t->limit)
		return give_up(t, t->limit, "the answer would cost more than the limit allows", e);
	return give_up(t, "model_failed",
	    out->too_long ? "the conversation is too long for every model"
			  : "no model could answer",
	    e);
}

/* The model has said its last word: show it, unless the customer wrote meanwhile.  Where it said
 * nothing it is asked once more. */
static int conclude(
    struct turn *t, json_t *said, const struct answered *a, int64_t asked, struct err *e)
{
	bool newer = turn_head(t)->last_customer != asked, empty = text_blank(a->answer.text);

	json_array_clear(json_object_get(said, "calls"));
	if (!newer && !empty)
		return finish(t, escalation_at_end(t), said, &a->used, a->answer.text, e);
	json_object_set_new(said, "superseded", json_true());
	if (!newer)
		json_object_set_new(said, "empty", json_true());
	if (turn_append(t, &(struct draft){ EVENT_STEP, said, NULL }, 1, e) < 0)
		return -1;
	return turn_log(t)->empties < EMPTY_MAX
		   ? 0
		   : give_up(t, "no_answer", "the model did not come to an answer", e);
}

/* Ask, and take what may count of the answer. */
static int ask_whole(
    struct turn *t, struct model_request *r, struct reply *reply, struct answered *a, struct err *e)
{
	int result = ask(t, r, reply, &a->answer, &a->out, e);

	if (result < 0)
		return -1;
	if (!a->answer.text)
		a->answer.text = "";
	a->cut = a->answer.stop == MODEL_CUT && (!a->answer.ncalls || r->final);
	if (a->cut)
		a->answer.text = arena_strndup(
		    t->mem, a->answer.text, reply_whole(a->answer.text, strlen(a->answer.text)));
	a->used = t->unlogged;
	t->unlogged = (struct usage){ 0 };
	return 0;
}

/* At the last step, and when it had nothing to say to what was looked up, it is to answer with what
 * there is. */
static bool last_word(const struct turn *t)
{
	const struct turn_log *log = turn_log(t);

	return log->steps == t->agent->config.limits.steps - 1 || (log->empties && log->ncalls);
}

/* One step: ask the model and write down what it said, before anything of it is done. */
static int step(struct turn *t, struct err *e)
{
	int64_t asked = turn_head(t)->last_customer, start = fiber_now();
	struct model_request request;
	struct answered a = { 0 };
	struct reply reply = { 0 };
	struct err stopped;
	json_t *said;
	int fits;

	if (turn_log(t)->steps >= t->agent->config.limits.steps)
		return give_up(
		    t, "limit_steps", "the answer took more steps than the limit allows", e);
	fits = recap_to_fit(t, e);
	if (fits < 0)
		return -1;
	if (!fits)
		return give_up(
		    t, "limit_context", "there is more to read than the limit allows", e);
	prompt_build(t, last_word(t), &request);
	if (ask_whole(t, &request, &reply, &a, e) < 0) {
		bool no_model = !reply.failed && fiber_check(&stopped) == 0;

		reply_done(&reply);
		return no_model ? give_up_asking(t, &a.out, e) : -1;
	}
	said = step_event(t, &reply, &a, calls_propose(t, &a.answer), fiber_now() - start);
	reply_done(&reply);
	if (a.answer.ncalls && !request.final)
		return turn_append(t, &(struct draft){ EVENT_STEP, said, NULL }, 1, e);
	return conclude(t, said, &a, asked, e);
}

struct loop {
	struct turn *turn;
	int result;
	struct err *err;
};

static void loop(void *arg)
{
	struct loop *l = arg;
	struct turn *t = l->turn;

	if (turn_log(t)->ended)
		l->result = err_set(l->err, ERR_INVALID,
		    "a message is open in a turn that has ended: the log is damaged");
	while (!turn_log(t)->ended) {
		l->result = -1;
		if (detect(t, l->err) < 0 || calls_run(t, l->err) < 0 ||
		    profile_refresh(t, l->err) < 0 || step(t, l->err) < 0)
			return;
		l->result = 0;
	}
}

bool agent_cancel(struct agent *a, struct conversation *c)
{
	struct turn *t = map_get(&a->turns, conversation_id(c));

	if (!t)
		return false;
	t->canceled_for = turn_head(t)->last_customer;
	scope_cancel(t->scope);
	return true;
}

/* It ends without an answer, unless the customer has written again: then it goes on. */
static int call_off(struct turn *t, struct err *e)
{
	struct draft d[2];
	int n = 0;

	if (turn_head(t)->last_customer != t->canceled_for)
		return 0;
	if (turn_log(t)->shown.len)
		d[n++] = (struct draft){ EVENT_MESSAGE, message_event(t, NULL, ""), NULL };
	d[n++] = (struct draft){ EVENT_TURN_ENDED, end_event(t, NULL, "canceled"), NULL };
	return turn_append(t, d, n, e);
}

/* Until it has ended or may not go on. */
static void run_in_time(struct turn *t, struct loop *l)
{
	struct scope time;

	t->scope = &time;
	scope_open(&time, t->deadline);
	map_put(&t->agent->turns, conversation_id(t->c), t);
	scope_run(&time, loop, l);
	map_take(&t->agent->turns, conversation_id(t->c));
	scope_join(&time);
}

int turn_run(struct agent *a, struct conversation *c, struct err *e)
{
	struct turn t = { .agent = a, .c = c, .mem = arena_new() };
	struct loop l = { .turn = &t, .err = e };

	snprintf(t.id, sizeof(t.id), "t%lld", (long long)turn_log(&t)->trigger);
	t.before = turn_log(&t)->ncalls;
	t.deadline = fiber_now() + a->config.limits.turn_ms;
	run_in_time(&t, &l);
	if (l.result < 0 && t.canceled_for && fiber_check(e) == 0)
		l.result = call_off(&t, e);
	/* Out of time, not out of leave: there is still somebody to tell. */
	else if (l.result < 0 && e->code == ERR_TIMEOUT && fiber_check(e) == 0)
		l.result =
		    give_up(&t, "limit_time", "the answer took longer than the limit allows", e);
	arena_free(t.mem);
	return l.result;
}
