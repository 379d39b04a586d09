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
	struct agent *agent;
	struct conversation *c;
	struct arena *mem;
	int64_t upto;
	const char *transcript; /* NULL: too long to be asked about */
	const char *by, *text;  /* NULL until somebody gave one */
	struct model_usage usage;
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

/* Takes `usage` over, NULL: none. */
static int append(struct conversation *c, int n, const char *by, const char *text, int64_t ms,
    json_t *usage, struct err *e)
{
	const struct wire *w = conversation_wire(c);
	json_t *data = json_pack("{ss sI si ss sI so*}", "text", text, "upto",
	    (json_int_t)wire_turn_at(w, n - 1).end, "turns",
	    conversation_head(c)->turns_all - (wire_turns(w) - n), "by", by, "ms", (json_int_t)ms,
	    "usage", usage);

	if (!data)
		bug("a recap is not UTF-8");
	return conversation_append(c, &(struct draft){ EVENT_RECAP, data, NULL }, 1, NULL, e) < 0
		   ? -1
		   : 0;
}

static int append_extract(
    const struct agent *a, struct conversation *c, int n, int64_t ms, struct err *e)
{
	struct arena *mem = arena_new();
	const struct wire *w = conversation_wire(c);
	size_t share = (size_t)a->config.limits.context_tokens * AGENT_BYTES_PER_TOKEN / 8,
	       max = share && share < EXTRACT_MAX ? share : EXTRACT_MAX;
	int result = append(
	    c, n, "extract", recap_extract(mem, w, wire_turn_at(w, n - 1).upto, max), ms, NULL, e);

	arena_free(mem);
	return result;
}

/* In the background. */

/* builtin follows a playbook: it neither reads a history nor writes anything of its own. */
static bool usable(const struct model *m)
{
	return !text_is(m->class->name, "builtin");
}

static bool any_usable(const struct model *const *chain, int n)
{
	for (int i = 0; i < n; i++)
		if (usable(chain[i]))
			return true;
	return false;
}

static void ask_chain(void *arg)
{
	struct recap *r = arg;
	const struct agent_config *cf = &r->agent->config;
	struct model_answer answer = { 0 };
	struct err e;

	for (int i = 0; r->transcript && i < cf->nrouter; i++) {
		const struct model *m = cf->router[i];

		if (!usable(m))
			continue;
		if (recap_ask(m, r->transcript, conversation_id(r->c), r->mem, &answer, &e) == 0) {
			r->by = m->name;
			r->text = answer.text;
			r->usage = answer.usage;
			return;
		}
		if (e.code != ERR_CANCELED)
			log_warn("conversation %s: no recap from model %s: %s",
			    conversation_id(r->c), m->name, e.msg);
		if (fiber_check(&e) < 0)
			return;
	}
}

static json_t *usage_json(const struct model_usage *u)
{
	return json_pack("{sI sI}", "input_tokens", (json_int_t)u->input_tokens, "output_tokens",
	    (json_int_t)u->output_tokens);
}

/* It is appended, unless a later one was meanwhile.  That this fails is said by the conversation:
 * it is broken for whoever uses it next. */
static void take(struct recap *r)
{
	int n = turns_upto(r->c, r->upto);
	struct err e;

	r->taken = true;
	signal_wake_all(&r->over);
	if (conversation_head(r->c)->recap_upto >= r->upto)
		return;
	if (r->text)
		append(r->c, n, r->by, r->text, r->ms, usage_json(&r->usage), &e);
	else
		append_extract(r->agent, r->c, n, r->ms, &e);
}

static void forget(struct recap *r)
{
	*conversation_recap(r->c) = NULL;
	conversation_close(r->c);
	arena_free(r->mem);
	free(r);
}

/* While a turn is open its runner takes the recap; one that never ends is not waited for. */
static void run(void *arg)
{
	struct recap *r = arg;
	int64_t start = fiber_now(), patience;
	struct scope s;
	struct err e;

	scope_open(&s, start + ASK_MS);
	scope_run(&s, ask_chain, r);
	scope_join(&s);
	r->ms = fiber_now() - start;
	r->ready = fiber_check(&e) == 0;
	if (r->ready && !conversation_head(r->c)->open_since)
		take(r);
	patience = fiber_now() + 2 * r->agent->config.limits.turn_ms;
	while (r->ready && !r->taken && signal_wait(&r->over, patience, &e) == 0)
		;
	forget(r);
}

static void begin(struct agent *a, struct conversation *c, int n)
{
	const struct wire *w = conversation_wire(c);
	struct recap *r = mem_new(struct recap);
	size_t max = (size_t)a->config.limits.context_tokens * AGENT_BYTES_PER_TOKEN;

	*r = (struct recap){ .agent = a,
		.c = conversation_ref(c),
		.mem = arena_new(),
		.upto = wire_turn_at(w, n - 1).end };
	r->transcript =
	    recap_transcript(r->mem, w, wire_turn_at(w, n - 1).upto, max ? max : SIZE_MAX);
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
	if (any_usable(a->config.router, a->config.nrouter))
		begin(a, c, n - KEPT_TURNS);
	else
		append_extract(a, c, n - KEPT_TURNS, 0, &e); /* as in take() */
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
	size_t limit = (size_t)cf->limits.context_tokens * AGENT_BYTES_PER_TOKEN,
	       weight = prompt_weight(t);
	int n;

	if (!limit || weight <= limit || !any_usable(cf->chain, cf->nchain))
		return 1;
	n = turns_to_go(t, weight, limit);
	if (!n)
		return 0;
	if (append_extract(t->agent, t->c, n, 0, e) < 0)
		return -1;
	return prompt_weight(t) <= limit;
}

int recap_shorten(struct turn *t, struct err *e)
{
	int n = (whole_turns(t->c) + 1) / 2;

	if (!n || t->shortened == SHORTENED_MAX)
		return 0;
	t->shortened++;
	return append_extract(t->agent, t->c, n, 0, e) < 0 ? -1 : 1;
}
