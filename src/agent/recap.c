#include "agent/recap.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>

#define DUE_TURNS       19 /* so many and no recap of them: the next is the 20th */
#define KEPT_TURNS      9
#define KEPT_IF_IT_FITS 2 /* where the limit is exceeded */
#define SHORTENED_MAX   2
#define EXTRACT_MAX     2500
#define ASK_MS          20000

/* One that is being made.  The fiber that asks owns it; the runner takes it once it is ready. */
struct recap {
	struct turn turn; /* of no step: what the asking takes */
	int64_t upto;
	int turns;              /* covered in all */
	const char *transcript; /* NULL: too long to be asked about */
	const char *by, *text;  /* NULL until somebody gave one */
	int64_t ms;
	bool ready, taken;
	struct signal over;
};

/* Turns that lie before the open one, all answered. */
static int whole_turns(struct conversation *c)
{
	const struct wire *w = conversation_wire(c);
	int64_t open = conversation_head(c)->open_since;
	int n = wire_turns(w);

	while (n && open && wire_turn_at(w, n - 1).end > open)
		n--;
	return n;
}

/* So many of them end with `upto` or before. */
static int turns_upto(struct conversation *c, int64_t upto)
{
	const struct wire *w = conversation_wire(c);
	int n = 0;

	while (n < wire_turns(w) && wire_turn_at(w, n).end <= upto)
		n++;
	return n;
}

/* Turns of the conversation that a recap of the first n here covers. */
static int covered(struct conversation *c, int n)
{
	return conversation_head(c)->turns_all - (wire_turns(conversation_wire(c)) - n);
}

static int append(struct conversation *c, json_t *data, struct err *e)
{
	if (!data)
		bug("a recap is not UTF-8");
	return conversation_append(c, &(struct draft){ EVENT_RECAP, data, NULL }, 1, NULL, e) < 0
		   ? -1
		   : 0;
}

static json_t *event_of(int64_t upto, int turns, const char *by, const char *text)
{
	return json_pack(
	    "{ss sI si ss}", "text", text, "upto", (json_int_t)upto, "turns", turns, "by", by);
}

/* Of the first n turns here. */
static json_t *extract(const struct agent *a, struct conversation *c, int n)
{
	struct arena *mem = arena_new();
	const struct wire *w = conversation_wire(c);
	struct wire_turn last = wire_turn_at(w, n - 1);
	size_t share = (size_t)a->config.limits.context_tokens * AGENT_BYTES_PER_TOKEN / 8;
	json_t *data = event_of(last.end, covered(c, n), "extract",
	    recap_extract(mem, w, last.upto, share && share < EXTRACT_MAX ? share : EXTRACT_MAX));

	arena_free(mem);
	return data;
}

/* In the background. */

static bool any_reads(const struct model *const *chain, int n)
{
	for (int i = 0; i < n; i++)
		if (!chain[i]->class->takes_no_tokens)
			return true;
	return false;
}

static void ask_router(void *arg)
{
	struct recap *r = arg;
	const struct model *who;
	struct err e;

	if (!r->transcript)
		return;
	r->text = recap_ask(&r->turn, r->transcript, &who, &e);
	if (r->text)
		r->by = who->name;
	else if (e.code != ERR_CANCELED)
		log_warn("conversation %s: no recap from a model: %s", conversation_id(r->turn.c),
		    e.msg);
}

/* One that is late changes nothing any more, but what it cost is to be in the log.  That appending
 * fails is said by the conversation: it is broken for whoever uses it next. */
static void take(struct recap *r)
{
	struct conversation *c = r->turn.c;
	const struct usage *used = &r->turn.unlogged;
	bool late = conversation_head(c)->recap_upto >= r->upto;
	json_t *data;
	struct err e;

	r->taken = true;
	signal_wake_all(&r->over);
	if (late && !r->text && !used->cost)
		return;
	data = !r->text && !late ? extract(r->turn.agent, c, turns_upto(c, r->upto))
				 : event_of(r->upto, r->turns, r->text ? r->by : "extract",
				       r->text ? r->text : "");
	json_object_set_new(data, "ms", json_integer(r->ms));
	if (used->input_tokens || used->output_tokens)
		usage_put(data, used);
	append(c, data, &e);
}

static void forget(struct recap *r)
{
	*conversation_recap(r->turn.c) = NULL;
	conversation_close(r->turn.c);
	arena_free(r->turn.mem);
	free(r);
}

/* While a turn is open its runner takes the recap; one that never ends is not waited for. */
static void run(void *arg)
{
	struct recap *r = arg;
	int64_t start = fiber_now(), patience;
	struct scope s;
	struct err e;

	r->turn.deadline = start + ASK_MS;
	scope_open(&s, r->turn.deadline);
	scope_run(&s, ask_router, r);
	scope_join(&s);
	r->ms = fiber_now() - start;
	r->ready = fiber_check(&e) == 0;
	if (r->ready && !conversation_head(r->turn.c)->open_since)
		take(r);
	patience = fiber_now() + 2 * r->turn.agent->config.limits.turn_ms;
	while (r->ready && !r->taken && signal_wait(&r->over, patience, &e) == 0)
		;
	forget(r);
}

static void begin(struct agent *a, struct conversation *c, int n)
{
	const struct wire *w = conversation_wire(c);
	struct wire_turn last = wire_turn_at(w, n - 1);
	struct recap *r = mem_new(struct recap);
	size_t max = (size_t)a->config.limits.context_tokens * AGENT_BYTES_PER_TOKEN;

	*r = (struct recap){
		.turn = { .agent = a, .c = conversation_ref(c), .mem = arena_new(), .aside = true },
		.upto = last.end,
		.turns = covered(c, n),
	};
	r->transcript = recap_transcript(r->turn.mem, w, last.upto, max ? max : SIZE_MAX);
	signal_init(&r->over);
	*conversation_recap(c) = r;
	scope_go(&a->scope, run, r);
}

void recap_between_turns(struct agent *a, struct conversation *c)
{
	struct recap *under_way = *conversation_recap(c);
	int n = whole_turns(c);
	struct err e;

	if (under_way && under_way->ready && !under_way->taken)
		take(under_way);
	if (under_way || n < DUE_TURNS)
		return;
	if (any_reads(a->config.router, a->config.nrouter))
		begin(a, c, n - KEPT_TURNS);
	else
		append(c, extract(a, c, n - KEPT_TURNS), &e); /* as in take() */
}

/* Within a turn. */

/* How many turns must go for the rest to fit: some more than needed, or the next turn would be too
 * long again.  0: it does not fit whatever goes. */
static int turns_to_go(struct turn *t, size_t weight, size_t limit)
{
	const struct wire *w = conversation_wire(t->c);
	size_t recap = limit / 8, good = limit / 3 * 2;
	int n = whole_turns(t->c);

	for (int i = 1; i <= n; i++) {
		size_t rest = weight - wire_turn_at(w, i - 1).weight + recap;

		if (rest <= good || (rest <= limit && i >= n - KEPT_IF_IT_FITS))
			return i;
	}
	return 0;
}

int recap_to_fit(struct turn *t, struct err *e)
{
	const struct agent_config *cf = &t->agent->config;
	size_t limit = (size_t)cf->limits.context_tokens * AGENT_BYTES_PER_TOKEN, weight;
	int n;

	if (!limit || (!any_reads(cf->chain, cf->nchain) && !any_reads(cf->strong, cf->nstrong)))
		return 1;
	weight = prompt_weight(t);
	if (weight <= limit)
		return 1;
	n = turns_to_go(t, weight, limit);
	if (!n)
		return 0;
	if (append(t->c, extract(t->agent, t->c, n), e) < 0)
		return -1;
	return prompt_weight(t) <= limit;
}

int recap_shorten(struct turn *t, struct err *e)
{
	int n = (whole_turns(t->c) + 1) / 2;

	if (!n || t->shortened == SHORTENED_MAX)
		return 0;
	t->shortened++;
	return append(t->c, extract(t->agent, t->c, n), e) < 0 ? -1 : 1;
}
