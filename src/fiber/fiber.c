#include "fiber/fiber.h"

#include "base/mem.h"
#include "fiber/context.h"
#include "fiber/runtime.h"
#include "fiber/stack.h"
#include "fiber/timers.h"

#include <stdlib.h>

/* A fiber is in one of four states.  READY: in the runtime's list, to be entered by the loop.
 * RUNNING.  WAITING: in the list of a signal, or in the timers, or both; whatever comes first
 * takes it out of both and writes down why (`outcome`), and what comes later finds nothing, so
 * a wake is never lost nor counted twice.  JOINING: in no list; only the last child's end makes
 * it ready.
 *
 * A deadline needs no timer of its own: each wait ends at the earliest deadline of the scopes
 * around it, up to the first that is shielded.  Cancelling goes the other way, down from the
 * scope, and ends the waits that have begun; those that come later see it on their way up.
 *
 * A deadline comes at the start of its millisecond, before any fiber runs in it.  So at
 * now == deadline time is up for everybody: for who sleeps until just then, and for who would
 * be woken by a fiber that runs in that millisecond. */

#define BURST   256     /* fibers entered before the loop gets a turn */
#define REFUSED 1000000 /* failed waits in a row: a loop that ignores its errors */

enum state {
	READY,
	RUNNING,
	WAITING,
	JOINING
};

struct fiber {
	struct context context;
	struct stack stack;
	fiber_fn *fn;
	void *arg;
	struct scope *home;  /* counts it as running */
	struct scope *scope; /* whose word holds now: home, or that of a scope_run() */
	struct link all, in_scope, in_queue;
	struct timer timer;
	enum state state;
	enum err_code outcome; /* of the last wait; ERR_NONE: woken */
	int open, refused;     /* scopes to join; failed waits in a row */
	bool ended;
	void (*outside)(void *); /* to be called on the loop's stack */
	void *outside_arg;
};

struct runtime {
	struct context loop;
	struct fiber *current;
	struct link ready, all;
	struct timers timers;
	struct stack_cache stacks;
	int64_t now;
	int64_t (*clock)(void *);
	void *clock_arg;
	int alive, most;
	bool frozen;
};

static _Thread_local struct runtime *rt;

static struct runtime *running(void)
{
	if (!rt)
		bug("no world runs on this thread");
	return rt;
}

static struct fiber *self(const char *what)
{
	struct fiber *f = running()->current;

	if (!f)
		bug("%s() was called outside a fiber", what);
	return f;
}

int64_t fiber_now(void)
{
	const struct runtime *r = running();
	int64_t t;

	if (r->current || !r->clock)
		return r->now;
	t = r->clock(r->clock_arg);
	return t > r->now ? t : r->now;
}

bool fiber_inside(void)
{
	return rt && rt->current;
}

static void make_ready(struct fiber *f)
{
	f->state = READY;
	list_append(&rt->ready, &f->in_queue);
}

/* Back to the loop; returns when the loop enters this fiber again. */
static void leave(struct fiber *f)
{
	context_switch(&f->context, &rt->loop, f->ended);
}

static void end_wait(struct fiber *f, enum err_code outcome)
{
	timers_out(&rt->timers, &f->timer);
	list_out(&f->in_queue);
	f->outcome = outcome;
	make_ready(f);
}

/* May what runs in scope s go on, and until when? */
static enum err_code leave_to_go_on(const struct scope *s, int64_t *deadline)
{
	*deadline = FOREVER;
	if (rt->frozen)
		return ERR_CANCELED;
	for (; s; s = s->shielded ? NULL : s->parent) {
		if (s->cancelled)
			return ERR_CANCELED;
		if (s->deadline < *deadline)
			*deadline = s->deadline;
	}
	return rt->now >= *deadline ? ERR_TIMEOUT : ERR_NONE;
}

static int refuse(struct fiber *f, enum err_code why, struct err *e)
{
	if (++f->refused == REFUSED)
		bug("a fiber whose waits all fail (%s) goes on waiting", err_name(why));
	return err_set(
	    e, why, why == ERR_TIMEOUT ? "the time allowed for it ran out" : "it was cancelled");
}

int fiber_check(struct err *e)
{
	struct fiber *f = self("fiber_check");
	int64_t deadline;
	enum err_code why = leave_to_go_on(f->scope, &deadline);

	return why == ERR_NONE ? 0 : refuse(f, why, e);
}

/* Wait until woken through the queue (NULL: nobody can) or until then.  The outcome goes to
 * *why: ERR_TIMEOUT also stands for `until` reached.  *limit: the scopes' deadline. */
static enum err_code wait_for(struct fiber *f, struct link *queue, int64_t until, int64_t *limit)
{
	enum err_code why = leave_to_go_on(f->scope, limit);
	int64_t at = until < *limit ? until : *limit;

	if (why != ERR_NONE)
		return why;
	if (at <= rt->now)
		return ERR_TIMEOUT;
	if (queue)
		list_append(queue, &f->in_queue);
	if (at != FOREVER)
		timers_add(&rt->timers, &f->timer, at);
	f->state = WAITING;
	f->refused = 0;
	leave(f);
	return f->outcome;
}

int fiber_sleep_until(int64_t at, struct err *e)
{
	struct fiber *f = self("fiber_sleep");
	enum err_code why;
	int64_t limit;

	if (at <= rt->now)
		return fiber_yield(e);
	why = wait_for(f, NULL, at, &limit);
	if (why == ERR_TIMEOUT && at < limit)
		return 0;
	return refuse(f, why, e);
}

int fiber_sleep(int64_t ms, struct err *e)
{
	int64_t now = self("fiber_sleep") ? rt->now : 0;

	return fiber_sleep_until(ms < FOREVER - now ? now + ms : FOREVER, e);
}

int fiber_yield(struct err *e)
{
	struct fiber *f = self("fiber_yield");

	if (fiber_check(e) < 0)
		return -1;
	f->refused = 0;
	make_ready(f);
	leave(f);
	return fiber_check(e);
}

void signal_init(struct signal *s)
{
	list_init(&s->waiting);
}

int signal_wait(struct signal *s, int64_t deadline, struct err *e)
{
	struct fiber *f = self("signal_wait");
	int64_t limit;
	enum err_code why = wait_for(f, &s->waiting, deadline, &limit);

	return why == ERR_NONE ? 0 : refuse(f, why, e);
}

void signal_wake_one(struct signal *s)
{
	if (list_empty(&s->waiting))
		return;
	running();
	end_wait(container_of(s->waiting.next, struct fiber, in_queue), ERR_NONE);
}

void signal_wake_all(struct signal *s)
{
	while (!list_empty(&s->waiting))
		signal_wake_one(s);
}

static void open_in(struct scope *s, struct scope *parent, int64_t deadline, bool shielded)
{
	*s = (struct scope){ .deadline = deadline, .shielded = shielded, .parent = parent };
	list_init(&s->fibers);
	list_init(&s->scopes);
	list_init(&s->sibling);
	if (parent)
		list_append(&parent->scopes, &s->sibling);
}

static void open_below(struct scope *s, int64_t deadline, bool shielded)
{
	struct fiber *f = self("scope_open");

	open_in(s, f->scope, deadline, shielded);
	s->owner = f;
	f->open++;
}

void scope_open(struct scope *s, int64_t deadline)
{
	open_below(s, deadline, false);
}

void scope_open_shielded(struct scope *s, int64_t deadline)
{
	open_below(s, deadline, true);
}

void scope_open_root(struct scope *s)
{
	open_in(s, NULL, FOREVER, false);
}

/* A closed scope has no list of fibers. */
static void must_be_open(const struct scope *s, const char *what)
{
	if (!s->fibers.next)
		bug("%s() on a scope that was joined already", what);
}

static void one_done(struct scope *s)
{
	if (--s->running == 0 && s->joining)
		make_ready(s->owner);
}

static void move_to(struct fiber *f, struct scope *s)
{
	list_out(&f->in_scope);
	list_append(&s->fibers, &f->in_scope);
	f->scope = s;
}

/* The first and last frame on each stack. */
static void life(void)
{
	struct fiber *f = rt->current;

	context_entered(&rt->loop);
	f->fn(f->arg);
	if (f->open)
		bug("a fiber ended with %d scopes not joined", f->open);
	list_out(&f->in_scope);
	list_out(&f->all);
	f->ended = true;
	one_done(f->home);
	leave(f);
}

void scope_go(struct scope *s, fiber_fn *fn, void *arg)
{
	struct runtime *r = running();
	struct fiber *f = mem_new(struct fiber);

	must_be_open(s, "scope_go");
	f->fn = fn;
	f->arg = arg;
	f->stack = stack_take(&r->stacks);
	context_make(&f->context, f->stack, life);
	list_init(&f->in_scope);
	list_init(&f->in_queue);
	list_append(&r->all, &f->all);
	f->home = s;
	s->running++;
	r->alive++;
	move_to(f, s);
	make_ready(f);
}

void scope_run(struct scope *s, fiber_fn *fn, void *arg)
{
	struct fiber *f = self("scope_run");
	struct scope *before = f->scope;
	int open = f->open;

	must_be_open(s, "scope_run");
	s->running++;
	move_to(f, s);
	fn(arg);
	if (f->open != open)
		bug("a scope opened in scope_run() was not joined in it");
	move_to(f, before);
	one_done(s);
}

static void cancel_waits(struct scope *s)
{
	for (struct link *l = s->fibers.next; l != &s->fibers; l = l->next) {
		struct fiber *f = container_of(l, struct fiber, in_scope);

		if (f->state == WAITING)
			end_wait(f, ERR_CANCELED);
	}
	for (struct link *l = s->scopes.next; l != &s->scopes; l = l->next) {
		struct scope *below = container_of(l, struct scope, sibling);

		if (!below->shielded)
			cancel_waits(below);
	}
}

void scope_cancel(struct scope *s)
{
	if (s->cancelled || !s->fibers.next)
		return;
	s->cancelled = true;
	cancel_waits(s);
}

void scope_join(struct scope *s)
{
	struct fiber *f = self("scope_join");

	must_be_open(s, "scope_join");
	if (s->parent && s->owner != f)
		bug("a scope is joined by another fiber than the one that opened it");
	if (s->joining)
		bug("two fibers join one scope");
	for (const struct scope *up = f->scope; up; up = up->parent)
		if (up == s)
			bug("a fiber joins a scope it runs in");
	s->owner = f;
	s->joining = true;
	while (s->running > 0) {
		f->state = JOINING;
		leave(f);
	}
	if (s->parent)
		f->open--;
	list_out(&s->sibling);
	s->joining = false;
	s->parent = NULL;
	s->fibers.next = s->fibers.prev = NULL;
}

void runtime_start(int64_t now, int64_t (*clock)(void *arg), void *arg)
{
	if (rt)
		bug("two worlds run on one thread");
	rt = mem_new(struct runtime);
	list_init(&rt->ready);
	list_init(&rt->all);
	context_here(&rt->loop);
	rt->now = now;
	rt->clock = clock;
	rt->clock_arg = arg;
	rt->most = stack_most();
}

void runtime_stop(void)
{
	if (running()->alive)
		bug("the world ends with %d fibers alive", rt->alive);
	timers_done(&rt->timers);
	stack_cache_done(&rt->stacks);
	free(rt);
	rt = NULL;
}

void runtime_set_now(int64_t now)
{
	struct timer *t;

	if (now > running()->now)
		rt->now = now;
	while ((t = timers_first(&rt->timers)) && t->at <= rt->now)
		end_wait(container_of(t, struct fiber, timer), ERR_TIMEOUT);
}

static void enter(struct fiber *f)
{
	void (*outside)(void *);

	do {
		rt->current = f;
		f->state = RUNNING;
		f->outside = NULL;
		context_switch(&rt->loop, &f->context, false);
		rt->current = NULL;
		if ((outside = f->outside))
			outside(f->outside_arg);
	} while (outside);
	if (!f->ended)
		return;
	context_done(&f->context);
	stack_give(&rt->stacks, f->stack);
	rt->alive--;
	free(f);
}

bool runtime_run(void)
{
	bool any = runtime_ready();

	if (rt->current)
		bug("the loop is entered from a fiber");
	for (int n = 0; n < BURST && !list_empty(&rt->ready); n++) {
		struct link *l = rt->ready.next;

		list_out(l);
		enter(container_of(l, struct fiber, in_queue));
	}
	return any;
}

bool runtime_ready(void)
{
	return !list_empty(&running()->ready);
}

int64_t runtime_next_wake(void)
{
	struct timer *t = timers_first(&running()->timers);

	return t ? t->at : FOREVER;
}

bool fiber_room(int percent)
{
	return (int64_t)(running()->most - rt->alive) * 100 >= (int64_t)rt->most * percent;
}

int runtime_alive(void)
{
	return running()->alive;
}

void runtime_call(void (*fn)(void *), void *arg)
{
	struct fiber *f = self("runtime_call");

	f->outside = fn;
	f->outside_arg = arg;
	leave(f);
}

void runtime_freeze(void)
{
	running()->frozen = true;
	for (struct link *l = rt->all.next; l != &rt->all; l = l->next) {
		struct fiber *f = container_of(l, struct fiber, all);

		if (f->state == WAITING)
			end_wait(f, ERR_CANCELED);
	}
}
