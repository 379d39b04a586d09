#include "model/route.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/health.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_MAX 2
#define WAIT_MS   500
#define WAIT_MOST 8000

struct routes {
	struct world *world;
	struct arena *mem;
	struct health **health;
	int nhealth;
};

struct route {
	struct routes *all;
	struct health **links;
	int n;
};

struct routes *routes_new(struct world *w)
{
	struct routes *all = mem_new(struct routes);

	all->world = w;
	all->mem = arena_new();
	return all;
}

void routes_free(struct routes *all)
{
	if (!all)
		return;
	arena_free(all->mem);
	free(all->health);
	free(all);
}

static struct health *health_of(struct routes *all, const struct model *m)
{
	struct health *h;

	for (int i = 0; i < all->nhealth; i++)
		if (all->health[i]->model == m)
			return all->health[i];
	h = arena_new_of(all->mem, struct health);
	health_init(h, m);
	all->health = mem_resize(all->health, sizeof(h) * (size_t)(all->nhealth + 1));
	return all->health[all->nhealth++] = h;
}

struct route *routes_add(struct routes *all, const struct model *const *models, int n)
{
	struct route *r = arena_new_of(all->mem, struct route);

	r->all = all;
	route_extend(r, models, n);
	return r;
}

void route_extend(struct route *r, const struct model *const *models, int n)
{
	struct health **links = arena_array(r->all->mem, struct health *, r->n + n);

	for (int i = 0; i < r->n; i++)
		links[i] = r->links[i];
	r->links = links;
	for (int i = 0; i < n; i++) {
		struct health *h = health_of(r->all, models[i]);
		bool known = false;

		for (int k = 0; k < r->n; k++)
			known |= links[k] == h;
		if (!known)
			links[r->n++] = h;
	}
}

/* One walk along a route. */
struct walk {
	const struct route *route;
	const struct route_step *step;
	const struct route_asker *asker;
	struct arena *mem;
	struct model_answer *answer;
	struct route_outcome *out;
	struct err *e;
	bool last; /* no other model is behind this one */
	bool slow; /* the attempt used up its share of the time */
};

/* The log holds UTF-8 alone, and what a model says comes from outside. */
static int check_words(const struct model_answer *answer, struct err *e)
{
	bool good = !answer->text || text_is_utf8(answer->text, strlen(answer->text));

	for (int i = 0; i < answer->ncalls; i++)
		good &= !answer->calls[i].name ||
			text_is_utf8(answer->calls[i].name, strlen(answer->calls[i].name));
	return good ? 0 : err_set(e, ERR_INVALID, "its answer is not UTF-8");
}

/* An attempt, in a scope of its own. */
struct
try {
	struct walk *walk;
	const struct model *model;
	struct model_sink sink;
	int result;
};

static void complete(void *arg)
{
	struct try *t = arg;
	struct walk *w = t->walk;
	struct model_request own = *w->step->request;

	if (!text_is(w->step->origin, t->model->name))
		own.opaque = NULL;
	t->result = t->model->class->complete(t->model, &own, &t->sink, w->mem, w->answer, w->e);
}

/* While another model could be asked, none gets all the time there is: one that only ever
 * promises more, a byte at a time, must leave some to the next. */
static int64_t share_of_time(const struct walk *w)
{
	int64_t now = fiber_now(), deadline = w->step->deadline;

	return w->last || deadline == FOREVER || deadline <= now ? FOREVER
								 : now + (deadline - now) / 3 * 2;
}

/* Our own patience ended, nobody else's. */
static bool was_too_slow(const struct walk *w, int64_t until)
{
	struct err stopped;

	return w->e->code == ERR_TIMEOUT && fiber_now() >= until && fiber_check(&stopped) == 0;
}

static int ask(struct walk *w, const struct model *m)
{
	const struct route_asker *a = w->asker;
	struct try t = { w, m, a->begin ? a->begin(a->self) : (struct model_sink){ 0 }, -1 };
	int64_t until = share_of_time(w);
	struct scope s;

	*w->answer = (struct model_answer){ .retry_ms = -1 };
	w->out->attempts++;
	scope_open(&s, until);
	scope_run(&s, complete, &t);
	scope_join(&s);
	w->slow = t.result < 0 && was_too_slow(w, until);
	if (w->slow) {
		w->answer->fault = MODEL_FAULT_NETWORK;
		err_set(w->e, ERR_TIMEOUT, "it did not come to an end, and others can be asked");
	}
	if (t.result == 0)
		t.result = check_words(w->answer, w->e);
	if (a->settle)
		a->settle(a->self, m, w->answer, t.result == 0);
	return t.result;
}

/* Is there no sense in asking anybody?  Then w->e says why. */
static bool over(struct walk *w)
{
	const struct route_asker *a = w->asker;
	struct err stopped;

	if (fiber_check(&stopped) < 0) {
		*w->e = stopped;
		return true;
	}
	return a->shown && a->shown(a->self) == ROUTE_BROKEN;
}

static int64_t wait_ms(struct walk *w, int nth)
{
	int64_t ms = WAIT_MS << nth;
	uint32_t chance;

	if (w->answer->retry_ms > 0)
		return w->answer->retry_ms;
	world_random(w->route->all->world, &chance, sizeof(chance));
	if (ms > WAIT_MOST)
		ms = WAIT_MOST;
	return ms - (int64_t)(chance % (uint32_t)(ms / 4 + 1));
}

/* Wait for another attempt at the same model; false: it gets none. */
static bool wait_again(struct walk *w, struct health *h, int nth)
{
	const struct route_asker *a = w->asker;
	int64_t ms;
	struct err stopped;

	if (nth >= AGAIN_MAX || w->slow || (a->shown && a->shown(a->self) != ROUTE_UNSEEN))
		return false;
	ms = wait_ms(w, nth);
	if (ms > WAIT_MOST || fiber_now() + ms >= w->step->deadline)
		return false;
	return health_again(h, w->answer->fault) && fiber_sleep(ms, &stopped) == 0;
}

static bool allowed(struct walk *w, const struct model *m)
{
	const struct route_asker *a = w->asker;

	if (!a->allow || a->allow(a->self, m, w->e) == 0)
		return true;
	w->out->refused = true;
	return false;
}

static bool shortened(struct walk *w)
{
	const struct route_asker *a = w->asker;

	return w->answer->fault == MODEL_FAULT_CONTEXT && a->shorten && a->shorten(a->self);
}

/* 0: it answered. */
static int ask_link(struct walk *w, struct health *h)
{
	struct attempt attempt;

	for (int nth = 0;; nth++) {
		if (!health_may(h, fiber_now()))
			return err_set(w->e, ERR_IO, "model %s is left out", h->model->name);
		if (!allowed(w, h->model))
			return -1;
		health_begin(h, &attempt, nth == 0, fiber_now());
		if (ask(w, h->model) == 0) {
			health_end(&attempt, MODEL_FAULT_NONE, NULL, fiber_now());
			w->out->who = h->model;
			return 0;
		}
		if (over(w))
			return -1;
		health_end(&attempt, w->answer->fault, w->e->msg, fiber_now());
		if (shortened(w)) {
			nth--;
			continue;
		}
		w->out->too_long |= w->answer->fault == MODEL_FAULT_CONTEXT;
		if (!wait_again(w, h, nth))
			return -1;
	}
}

int route_complete(const struct route *r, const struct route_step *step,
    const struct route_asker *asker, struct arena *mem, struct model_answer *answer,
    struct route_outcome *out, struct err *e)
{
	struct walk w = { r, step, asker, mem, answer, out, e, false, false };

	*out = (struct route_outcome){ 0 };
	if (!r->n)
		return err_set(e, ERR_NOT_FOUND, "no model is configured");
	for (int i = 0; i < r->n; i++) {
		int before = out->attempts;

		w.last = i == r->n - 1;
		if (ask_link(&w, r->links[i]) == 0)
			return 0;
		if (over(&w))
			return -1;
		out->failures += out->attempts > before;
	}
	return -1;
}
