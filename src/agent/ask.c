#include "agent/recap.h"
#include "agent/turn.h"

/* Asking for a step: which chain, out of which budget, into which reply. */

struct asking {
	struct turn *turn;
	struct model_request *request;
	struct reply *reply;
	const struct model *model; /* who is asked */
	struct model_sink words;   /* where its text goes */
};

static int allow(void *self, const struct model *m, struct err *e)
{
	struct asking *a = self;

	a->model = m;
	return budget_reserve(a->turn, m, a->request, e);
}

static void settle(void *self, const struct model *m, const struct model_answer *answer, bool ok)
{
	struct asking *a = self;

	budget_settle(a->turn, m, a->request, answer, ok);
}

static int text(void *self, const char *s, size_t n, struct err *e)
{
	struct asking *a = self;

	return a->words.text(a->words.self, s, n, e);
}

static int more(void *self, const struct model_usage *used, struct err *e)
{
	struct asking *a = self;

	return budget_more(a->turn, a->model, a->request, used, e);
}

static struct model_sink begin(void *self)
{
	struct asking *a = self;

	reply_begin(a->reply, a->turn);
	a->words = reply_sink(a->reply);
	return (struct model_sink){ text, more, a };
}

static enum route_text shown(void *self)
{
	const struct asking *a = self;

	return a->reply->failed ? ROUTE_BROKEN : a->reply->released ? ROUTE_SHOWN : ROUTE_UNSEEN;
}

static bool shorten(void *self)
{
	struct asking *a = self;
	struct err e;

	if (recap_shorten(a->turn, &e) <= 0)
		return false; /* a conversation that broke says so with the next append */
	prompt_build(a->turn, a->request->final, a->request);
	return true;
}

static int failed_calls(const struct turn_log *log)
{
	int n = 0;

	for (int i = 0; i < log->ncalls; i++)
		n += log->calls[i].state == CALL_DONE && !log->calls[i].ok && !log->calls[i].limit;
	return n;
}

static bool is_hard(const struct turn *t)
{
	const struct strong_when *when = &t->agent->config.strong_when;

	return turn_log(t)->ncalls >= when->tool_calls ||
	       failed_calls(turn_log(t)) + t->failures >= when->failures;
}

void ask_open(struct agent *a)
{
	const struct agent_config *cf = &a->config;
	struct route *strong = NULL;

	a->routes = routes_new(a->world);
	a->main = routes_add(a->routes, cf->chain, cf->nchain);
	a->router = routes_add(a->routes, cf->router, cf->nrouter);
	if (cf->nstrong) {
		strong = routes_add(a->routes, cf->strong, cf->nstrong);
		route_extend(strong, cf->chain, cf->nchain);
	}
	a->strong = strong;
}

void ask_close(struct agent *a)
{
	routes_free(a->routes);
}

int ask(struct turn *t, struct model_request *r, struct reply *reply, struct model_answer *answer,
    struct route_outcome *out, struct err *e)
{
	const struct agent *a = t->agent;
	struct asking asking = { .turn = t, .request = r, .reply = reply };
	struct route_asker asker = { allow, settle, begin, shown, shorten, &asking };
	struct route_step step = { r, turn_log(t)->carry_origin, t->deadline };
	int result;

	t->limit = NULL;
	result = route_complete(
	    a->strong && is_hard(t) ? a->strong : a->main, &step, &asker, t->mem, answer, out, e);
	t->failures += out->failures;
	return result;
}
