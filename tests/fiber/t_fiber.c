#include "tests/check.h"

#include "base/mem.h"
#include "base/sanitize.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fibers and scopes, on virtual time. */

#ifdef WITH_TSAN
#define MANY 2000 /* it knows 8,128 threads, and a fiber is one to it */
#else
#define MANY 10000
#endif

#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define STACK_KIB 260 /* stacks are larger there */
#else
#define STACK_KIB 68
#endif

struct nap {
	int64_t ms, ended;
	int r;
	struct err e;
};

static void nap(void *arg)
{
	struct nap *n = arg;

	n->r = fiber_sleep(n->ms, &n->e);
	n->ended = fiber_now();
}

static void three_naps_take_as_long_as_one(struct world *w)
{
	struct nap n[3] = { { .ms = 1000 }, { .ms = 1000 }, { .ms = 1000 } };
	int64_t start = fiber_now();
	struct scope s;

	(void)w;
	scope_open(&s, FOREVER);
	for (int i = 0; i < 3; i++)
		scope_go(&s, nap, &n[i]);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 1000);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(n[i].r, &n[i].e);
		CHECK_INT(n[i].ended - start, 1000);
	}
}

static void a_deadline_ends_what_sleeps_on_the_dot(struct world *w)
{
	struct nap stuck = { .ms = 60000 }, just_then = { .ms = 500 }, before = { .ms = 499 };
	int64_t start = fiber_now();
	struct scope s;
	struct err e;

	(void)w;
	scope_open(&s, start + 500);
	scope_go(&s, nap, &stuck);
	scope_go(&s, nap, &just_then);
	scope_go(&s, nap, &before);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 500);
	CHECK_ERR(stuck.r, &stuck.e, ERR_TIMEOUT);
	CHECK_ERR(just_then.r, &just_then.e, ERR_TIMEOUT);
	CHECK_OK(before.r, &before.e);
	CHECK_OK(fiber_check(&e), &e);
}

/* Sleeps in a scope of its own with a longer deadline, so the outer one has to reach in. */
static void nap_deeper(void *arg)
{
	struct scope s;

	scope_open(&s, fiber_now() + 40000);
	scope_go(&s, nap, arg);
	scope_join(&s);
}

static void a_deadline_reaches_the_scopes_below(struct world *w)
{
	struct nap n = { .ms = 60000 };
	int64_t start = fiber_now();
	struct scope s;

	(void)w;
	scope_open(&s, start + 300);
	scope_go(&s, nap_deeper, &n);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 300);
	CHECK_ERR(n.r, &n.e, ERR_TIMEOUT);
}

static void after_its_deadline_every_wait_fails_at_once(void *arg)
{
	struct signal never;
	struct semaphore one;
	struct err e;

	(void)arg;
	signal_init(&never);
	semaphore_init(&one, 1);
	CHECK_ERR(fiber_sleep(1000, &e), &e, ERR_TIMEOUT);
	CHECK_ERR(fiber_sleep(1, &e), &e, ERR_TIMEOUT);
	CHECK_ERR(fiber_yield(&e), &e, ERR_TIMEOUT);
	CHECK_ERR(fiber_check(&e), &e, ERR_TIMEOUT);
	CHECK_ERR(signal_wait(&never, FOREVER, &e), &e, ERR_TIMEOUT);
	CHECK_ERR(semaphore_take(&one, FOREVER, &e), &e, ERR_TIMEOUT);
	CHECK_INT(one.free, 1);
}

static void a_deadline_holds_for_ever(struct world *w)
{
	int64_t start = fiber_now();
	struct scope s;

	(void)w;
	scope_open(&s, start + 10);
	scope_go(&s, after_its_deadline_every_wait_fails_at_once, NULL);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 10);
}

static void cancelling_ends_the_waits_of_all_below(struct world *w)
{
	struct nap here = { .ms = 5000 }, below = { .ms = 5000 };
	int64_t start = fiber_now();
	struct scope s;
	struct err e;

	(void)w;
	scope_open(&s, FOREVER);
	scope_go(&s, nap, &here);
	scope_go(&s, nap_deeper, &below);
	CHECK_OK(fiber_sleep(70, &e), &e);
	scope_cancel(&s);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 70);
	CHECK_ERR(here.r, &here.e, ERR_CANCELED);
	CHECK_ERR(below.r, &below.e, ERR_CANCELED);
	CHECK_OK(fiber_check(&e), &e);
}

static void what_starts_in_a_cancelled_scope_runs_and_may_not_wait(struct world *w)
{
	struct nap n = { .ms = 1 };
	struct scope s;

	(void)w;
	scope_open(&s, FOREVER);
	scope_cancel(&s);
	scope_go(&s, nap, &n);
	scope_join(&s);
	CHECK_ERR(n.r, &n.e, ERR_CANCELED);
}

struct shielded {
	int64_t deadline;
	struct nap inner;
	int after;
	struct err e;
};

static void nap_shielded(void *arg)
{
	struct shielded *x = arg;
	struct scope s;

	scope_open_shielded(&s, x->deadline);
	scope_run(&s, nap, &x->inner);
	scope_join(&s);
	x->after = fiber_check(&x->e);
}

static void a_shield_keeps_out_cancelling_and_the_deadline(struct world *w)
{
	struct shielded a = { .deadline = FOREVER, .inner = { .ms = 1000 } };
	struct shielded b = { .deadline = FOREVER, .inner = { .ms = 1000 } };
	int64_t start = fiber_now();
	struct scope s, t;
	struct err e;

	(void)w;
	scope_open(&s, FOREVER);
	scope_open(&t, start + 200);
	scope_go(&s, nap_shielded, &a);
	scope_go(&t, nap_shielded, &b);
	CHECK_OK(fiber_sleep(100, &e), &e);
	scope_cancel(&s);
	scope_join(&s);
	scope_join(&t);
	CHECK_INT(fiber_now() - start, 1000);
	CHECK_OK(a.inner.r, &a.inner.e);
	CHECK_OK(b.inner.r, &b.inner.e);
	CHECK_ERR(a.after, &a.e, ERR_CANCELED);
	CHECK_ERR(b.after, &b.e, ERR_TIMEOUT);
}

static void a_shield_has_a_deadline_of_its_own(struct world *w)
{
	struct shielded x = { .inner = { .ms = 1000 } };
	int64_t start = fiber_now();
	struct scope s;

	(void)w;
	x.deadline = start + 250;
	scope_open(&s, start + 100);
	scope_go(&s, nap_shielded, &x);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 250);
	CHECK_ERR(x.inner.r, &x.inner.e, ERR_TIMEOUT);
}

static void children_of_a_shielded_scope_are_behind_it_too(struct world *w)
{
	struct nap n = { .ms = 400 };
	int64_t start = fiber_now();
	struct scope outer, shield;
	struct err e;

	(void)w;
	scope_open(&outer, FOREVER);
	scope_cancel(&outer);
	scope_open_shielded(&shield, FOREVER);
	scope_go(&shield, nap_deeper, &n);
	scope_join(&shield);
	scope_join(&outer);
	CHECK_OK(n.r, &n.e);
	CHECK_INT(fiber_now() - start, 400);
	CHECK_OK(fiber_check(&e), &e);
}

static void work_for_a_root(void *arg)
{
	nap(arg);
}

static void scope_run_obeys_the_other_scope(struct world *w)
{
	struct nap cancelled = { .ms = 100 };
	struct scope root;
	struct err e;

	(void)w;
	scope_open_root(&root);
	scope_cancel(&root);
	scope_run(&root, work_for_a_root, &cancelled);
	CHECK_ERR(cancelled.r, &cancelled.e, ERR_CANCELED);
	CHECK_OK(fiber_sleep(1, &e), &e);
	scope_join(&root);
}

struct visit {
	struct scope *root;
	struct nap n;
};

static void visit(void *arg)
{
	struct visit *v = arg;

	scope_run(v->root, nap, &v->n);
}

static void joining_waits_for_a_fiber_that_only_visits(struct world *w)
{
	struct scope root, s;
	struct visit v = { &root, { .ms = 80 } };
	int64_t start = fiber_now();
	struct err e;

	(void)w;
	scope_open_root(&root);
	scope_open(&s, FOREVER);
	scope_go(&s, visit, &v);
	CHECK_OK(fiber_yield(&e), &e);
	scope_join(&root);
	CHECK_INT(fiber_now() - start, 80);
	scope_join(&s);
}

static void a_visitor_hears_of_cancelling(struct world *w)
{
	struct scope root, s;
	struct visit v = { &root, { .ms = 5000 } };
	int64_t start = fiber_now();
	struct err e;

	(void)w;
	scope_open_root(&root);
	scope_open(&s, FOREVER);
	scope_go(&s, visit, &v);
	CHECK_OK(fiber_sleep(30, &e), &e);
	scope_cancel(&root);
	scope_join(&s);
	scope_join(&root);
	CHECK_INT(fiber_now() - start, 30);
	CHECK_ERR(v.n.r, &v.n.e, ERR_CANCELED);
}

struct waiter {
	struct signal *s;
	int64_t deadline;
	int r, turn, *turns;
	struct err e;
};

static void await(void *arg)
{
	struct waiter *x = arg;

	x->r = signal_wait(x->s, x->deadline, &x->e);
	x->turn = ++*x->turns;
}

static void a_signal_wakes_one_or_all_in_order(struct world *w)
{
	struct signal s;
	struct scope all;
	struct waiter x[4];
	struct err e;
	int turns = 0;

	(void)w;
	signal_init(&s);
	scope_open(&all, FOREVER);
	for (int i = 0; i < 4; i++) {
		x[i] = (struct waiter){ &s, FOREVER, .turns = &turns };
		scope_go(&all, await, &x[i]);
	}
	CHECK_OK(fiber_yield(&e), &e);
	signal_wake_one(&s);
	CHECK_OK(fiber_yield(&e), &e);
	CHECK_INT(turns, 1);
	CHECK_INT(x[0].turn, 1);
	signal_wake_all(&s);
	scope_join(&all);
	for (int i = 0; i < 4; i++) {
		CHECK_OK(x[i].r, &x[i].e);
		CHECK_INT(x[i].turn, i + 1);
	}
}

static void waiting_for_a_signal_ends_at_the_deadline(struct world *w)
{
	int64_t start = fiber_now();
	struct signal s;
	struct err e;

	(void)w;
	signal_init(&s);
	CHECK_ERR(signal_wait(&s, start + 25, &e), &e, ERR_TIMEOUT);
	CHECK_INT(fiber_now() - start, 25);
	CHECK_ERR(signal_wait(&s, start, &e), &e, ERR_TIMEOUT);
	signal_wake_all(&s);
	CHECK(list_empty(&s.waiting));
}

static void a_deadline_beats_a_wake_in_its_millisecond(struct world *w)
{
	struct signal s;
	struct scope all;
	int turns = 0;
	struct waiter late = { &s, fiber_now() + 50, .turns = &turns };
	struct waiter early = { &s, fiber_now() + 51, .turns = &turns };
	struct err e;

	(void)w;
	signal_init(&s);
	scope_open(&all, FOREVER);
	scope_go(&all, await, &late);
	scope_go(&all, await, &early);
	CHECK_OK(fiber_sleep(50, &e), &e);
	signal_wake_all(&s);
	scope_join(&all);
	CHECK_ERR(late.r, &late.e, ERR_TIMEOUT);
	CHECK_OK(early.r, &early.e);
}

static void a_wake_that_came_first_is_kept_when_cancelling_follows(struct world *w)
{
	struct signal s;
	struct scope all;
	int turns = 0;
	struct waiter x = { &s, FOREVER, .turns = &turns };
	struct err e;

	(void)w;
	signal_init(&s);
	scope_open(&all, FOREVER);
	scope_go(&all, await, &x);
	CHECK_OK(fiber_yield(&e), &e);
	signal_wake_one(&s);
	scope_cancel(&all);
	scope_join(&all);
	CHECK_OK(x.r, &x.e);
}

struct taker {
	struct semaphore *s;
	int *inside, *most, *order, *n, id;
};

static void take(void *arg)
{
	struct taker *t = arg;
	struct err e;

	if (!CHECK_OK(semaphore_take(t->s, FOREVER, &e), &e))
		return;
	t->order[(*t->n)++] = t->id;
	if (++*t->inside > *t->most)
		*t->most = *t->inside;
	CHECK_OK(fiber_sleep(10, &e), &e);
	--*t->inside;
	semaphore_give(t->s);
	if (t->id < 10) { /* back to the end of the line: nobody is overtaken */
		t->id += 10;
		take(t);
	}
}

static void a_semaphore_serves_in_order_and_lets_in_so_many(struct world *w)
{
	struct semaphore s;
	struct scope all;
	struct taker t[10];
	int inside = 0, most = 0, n = 0, order[20];
	int64_t start = fiber_now();

	(void)w;
	semaphore_init(&s, 3);
	scope_open(&all, FOREVER);
	for (int i = 0; i < 10; i++) {
		t[i] = (struct taker){ &s, &inside, &most, order, &n, i };
		scope_go(&all, take, &t[i]);
	}
	scope_join(&all);
	CHECK_INT(most, 3);
	CHECK_INT(s.free, 3);
	CHECK_INT(n, 20);
	for (int i = 0; i < n; i++)
		CHECK_INT(order[i], i);
	CHECK_INT(fiber_now() - start, 70);
}

struct taking {
	struct semaphore *s;
	int64_t deadline;
	int r;
	struct err e;
};

static void take_until(void *arg)
{
	struct taking *t = arg;

	t->r = semaphore_take(t->s, t->deadline, &t->e);
}

static void who_gives_up_on_a_semaphore_takes_nothing(struct world *w)
{
	struct semaphore s;
	struct scope all;
	struct taking t = { &s, fiber_now() + 20, 0, { 0 } };
	struct err e;

	(void)w;
	semaphore_init(&s, 1);
	CHECK_OK(semaphore_take(&s, FOREVER, &e), &e);
	scope_open(&all, FOREVER);
	scope_go(&all, take_until, &t);
	scope_join(&all);
	CHECK_ERR(t.r, &t.e, ERR_TIMEOUT);
	semaphore_give(&s);
	CHECK_INT(s.free, 1);
}

static void ping(void *arg)
{
	struct signal *s = arg; /* s[0]: ping, s[1]: pong */
	struct err e;

	for (int i = 0; i < 5000; i++) {
		signal_wake_all(&s[1]);
		if (!CHECK_OK(signal_wait(&s[0], FOREVER, &e), &e))
			return;
	}
	signal_wake_all(&s[1]);
}

static void pong(void *arg)
{
	struct signal *s = arg;
	struct err e;

	for (int i = 0; i < 5000; i++) {
		signal_wake_all(&s[0]);
		if (!CHECK_OK(signal_wait(&s[1], FOREVER, &e), &e))
			return;
	}
	signal_wake_all(&s[0]);
}

static void fibers_wake_one_another(struct world *w)
{
	struct signal s[2];
	struct scope all;
	int64_t start = fiber_now();

	signal_init(&s[0]);
	signal_init(&s[1]);
	scope_open(&all, FOREVER);
	scope_go(&all, ping, s);
	scope_go(&all, pong, s);
	scope_join(&all);
	CHECK(world_loop(w) || fiber_now() == start);
}

static void ten_thousand_naps_end_when_they_should(struct world *w)
{
	struct nap *n = mem_alloc(MANY * sizeof(*n));
	int64_t start = fiber_now(), longest = 0;
	int wrong = 0;
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < MANY; i++) {
		uint16_t chance;

		world_random(w, &chance, sizeof(chance));
		n[i].ms = chance + 1;
		if (n[i].ms > longest)
			longest = n[i].ms;
		scope_go(&s, nap, &n[i]);
	}
	scope_join(&s);
	CHECK_INT(fiber_now() - start, longest);
	for (int i = 0; i < MANY; i++)
		wrong += n[i].r != 0 || n[i].ended - start != n[i].ms;
	CHECK_INT(wrong, 0);
	free(n);
}

/* Taking timers out of the middle leaves the order of the others as it was. */
static void cancel_some(void *arg)
{
	struct world *w = check_world();
	struct nap *n = arg;
	int64_t start = fiber_now();
	struct scope s[20];
	struct err e;
	int wrong = 0;

	for (int i = 0; i < 20; i++)
		scope_open(&s[i], FOREVER);
	for (int i = 0; i < 600; i++) {
		uint16_t chance;

		world_random(w, &chance, sizeof(chance));
		n[i] = (struct nap){ .ms = 100 + chance % 500 };
		scope_go(&s[i % 20], nap, &n[i]);
	}
	for (int i = 0; i < 20; i += 2) {
		CHECK_OK(fiber_sleep(13, &e), &e);
		scope_cancel(&s[i]);
	}
	for (int i = 0; i < 20; i++)
		scope_join(&s[i]);
	for (int i = 1; i < 600; i += 2)
		wrong += n[i].r != 0 || n[i].ended - start != n[i].ms;
	CHECK_INT(wrong, 0);
}

static void cancelling_some_leaves_the_others_their_time(void **state)
{
	static struct nap n[600];

	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++)
		check_in_sim_seed(seed, cancel_some, n);
}

static void ten_thousand_naps_are_cancelled(struct world *w)
{
	struct nap *n = mem_alloc(MANY * sizeof(*n));
	int64_t start = fiber_now();
	int wrong = 0;
	struct scope s;
	struct err e;

	(void)w;
	scope_open(&s, FOREVER);
	for (int i = 0; i < MANY; i++) {
		n[i].ms = 10 + i % 77;
		scope_go(&s, nap, &n[i]);
	}
	CHECK_OK(fiber_sleep(50, &e), &e);
	scope_cancel(&s);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 50);
	for (int i = 0; i < MANY; i++)
		wrong += (n[i].r == 0) != (n[i].ms <= 50);
	CHECK_INT(wrong, 0);
	free(n);
}

static void floats_and_rounding_survive_a_switch(void *arg)
{
	volatile double third = 1.0 / 3.0, seven = *(int *)arg;
	struct err e;

	for (int i = 0; i < 10; i++) {
		double before = third * seven;

		CHECK_OK(fiber_sleep(1, &e), &e);
		CHECK(before == third * seven);
	}
}

static void registers_survive_a_switch(struct world *w)
{
	int k[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct scope s;

	(void)w;
	scope_open(&s, FOREVER);
	for (int i = 0; i < 8; i++)
		scope_go(&s, floats_and_rounding_survive_a_switch, &k[i]);
	scope_join(&s);
}

static __attribute__((noinline)) int fall(int n)
{
	volatile char frame[512];

	memset((char *)frame, n, sizeof(frame));
	return n ? fall(n - 1) + frame[n % 512] : frame[0];
}

/* How far below the first frame it went wrong, told from a stack of the handler's own. */
static const char *volatile first_frame;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	long kib = (first_frame - (const char *)info->si_addr) / 1024;
	char said[64];
	int n = snprintf(said, sizeof(said), "fell %ld KiB: %s\n", kib,
	    kib >= 60 && kib <= STACK_KIB ? "the guard" : "too far");

	(void)context;
	_exit(write(STDERR_FILENO, said, (size_t)n) == n ? sig : 1);
}

static void fall_deep(void *arg)
{
	char here = 0;

	first_frame = &here;
	*(volatile int *)arg = fall(1000000);
	first_frame = NULL;
}

static void park(void *arg)
{
	struct err e;

	(void)fiber_sleep(*(int *)arg, &e);
}

/* Between neighbours: what the stack runs into is another fiber's memory, but for the guard. */
static void fall_among_others(void *arg)
{
	struct scope s;
	int ms = 10;

	scope_open(&s, FOREVER);
	for (int i = 0; i < 8; i++)
		scope_go(&s, i == 4 ? fall_deep : park, i == 4 ? arg : &ms);
	scope_join(&s);
}

static void overflow(void)
{
	struct sigaction act = { .sa_flags = SA_ONSTACK | SA_SIGINFO, .sa_sigaction = on_fault };
	stack_t own = { .ss_size = 256 * 1024, .ss_sp = mem_alloc(256 * 1024) };
	struct world *w = world_sim(1);
	int sink;

	sigaltstack(&own, NULL);
	sigaction(SIGSEGV, &act, NULL);
	world_run(w, fall_among_others, &sink);
}

static void a_stack_that_overflows_hits_the_guard(void **state)
{
	(void)state;
	check_dies(overflow, "the guard");
}

static void wait_for_nothing(void *arg)
{
	struct signal never;
	struct err e;

	(void)arg;
	signal_init(&never);
	(void)signal_wait(&never, FOREVER, &e);
}

static void end_without_join(void *arg)
{
	struct scope s;

	(void)arg;
	scope_open(&s, FOREVER);
}

static void join_own_scope(void *arg)
{
	scope_join(arg);
}

static void run_join_own_scope(void *arg)
{
	struct scope s;

	(void)arg;
	scope_open(&s, FOREVER);
	scope_run(&s, join_own_scope, &s);
}

static void use_after_join(void *arg)
{
	struct scope s;

	scope_open(&s, FOREVER);
	scope_join(&s);
	scope_go(&s, wait_for_nothing, arg);
}

static void ignore_errors(void *arg)
{
	struct scope s;
	struct err e;

	(void)arg;
	scope_open_root(&s);
	scope_cancel(&s);
	for (;;)
		scope_run(&s, wait_for_nothing, &e);
}

static void in_a_sim(fiber_fn *fn)
{
	struct world *w = world_sim(1);

	world_run(w, fn, NULL);
	world_free(w);
}

#define DEATH(name, fn, words)                                                                     \
	static void die_of_##fn(void)                                                              \
	{                                                                                          \
		in_a_sim(fn);                                                                      \
	}                                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		check_dies(die_of_##fn, words);                                                    \
	}

DEATH(a_world_where_all_wait_for_nothing_is_a_bug, wait_for_nothing, "1 fibers wait for nothing")
DEATH(leaving_a_scope_open_is_a_bug, end_without_join, "not joined")
DEATH(joining_the_scope_one_runs_in_is_a_bug, run_join_own_scope, "joins a scope it runs in")
DEATH(using_a_closed_scope_is_a_bug, use_after_join, "joined already")
DEATH(waiting_on_and_on_after_cancelling_is_a_bug, ignore_errors, "goes on waiting")

static void wait_a_while(void *arg)
{
	struct err e;

	(void)arg;
	CHECK_OK(fiber_sleep(10, &e), &e);
}

static void the_room_for_fibers_is_known(struct world *w)
{
	struct scope s;

	(void)w;
	CHECK(fiber_room(99));
	CHECK(!fiber_room(100)); /* this one */
	scope_open(&s, FOREVER);
	for (int i = 0; i < 2000; i++)
		scope_go(&s, wait_a_while, NULL);
	CHECK(!fiber_room(99));
	scope_join(&s);
	CHECK(fiber_room(99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(the_room_for_fibers_is_known),
		SIM_TEST(three_naps_take_as_long_as_one),
		SIM_TEST(a_deadline_ends_what_sleeps_on_the_dot),
		SIM_TEST(a_deadline_reaches_the_scopes_below),
		SIM_TEST(a_deadline_holds_for_ever),
		SIM_TEST(cancelling_ends_the_waits_of_all_below),
		SIM_TEST(what_starts_in_a_cancelled_scope_runs_and_may_not_wait),
		SIM_TEST(a_shield_keeps_out_cancelling_and_the_deadline),
		SIM_TEST(a_shield_has_a_deadline_of_its_own),
		SIM_TEST(children_of_a_shielded_scope_are_behind_it_too),
		SIM_TEST(scope_run_obeys_the_other_scope),
		SIM_TEST(joining_waits_for_a_fiber_that_only_visits),
		SIM_TEST(a_visitor_hears_of_cancelling),
		SIM_TEST(a_signal_wakes_one_or_all_in_order),
		SIM_TEST(waiting_for_a_signal_ends_at_the_deadline),
		SIM_TEST(a_deadline_beats_a_wake_in_its_millisecond),
		SIM_TEST(a_wake_that_came_first_is_kept_when_cancelling_follows),
		SIM_TEST(a_semaphore_serves_in_order_and_lets_in_so_many),
		SIM_TEST(who_gives_up_on_a_semaphore_takes_nothing),
		SIM_TEST(fibers_wake_one_another),
		REAL_TEST(fibers_wake_one_another),
		SIM_TEST(ten_thousand_naps_end_when_they_should),
		SIM_TEST(ten_thousand_naps_are_cancelled),
		cmocka_unit_test(cancelling_some_leaves_the_others_their_time),
		SIM_TEST(registers_survive_a_switch),
		cmocka_unit_test(a_stack_that_overflows_hits_the_guard),
		cmocka_unit_test(a_world_where_all_wait_for_nothing_is_a_bug),
		cmocka_unit_test(leaving_a_scope_open_is_a_bug),
		cmocka_unit_test(joining_the_scope_one_runs_in_is_a_bug),
		cmocka_unit_test(using_a_closed_scope_is_a_bug),
		cmocka_unit_test(waiting_on_and_on_after_cancelling_is_a_bug),
	};

	return cmocka_run_group_tests_name("fibers", tests, NULL, NULL);
}
