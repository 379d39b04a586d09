#include "tests/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Lanes: what both kinds of world promise, then threads, then what only a simulation has. */

static void nothing(void *arg)
{
	(void)arg;
}

static void set_seven(void *arg)
{
	*(int *)arg = 7;
}

static void a_job_runs_and_its_result_is_there(struct world *w)
{
	struct lane *l = lane_new(w, "test", 2);
	bool ran = false;
	int got = 0;
	struct err e;

	CHECK_OK(lane_run(l, set_seven, &got, NULL, FOREVER, &ran, &e), &e);
	CHECK_INT(got, 7);
	CHECK(ran);
	CHECK_OK(lane_run(l, set_seven, &got, NULL, FOREVER, NULL, &e), &e);
	lane_free(l);
}

struct log {
	int n, order[200];
};

struct entry {
	struct lane *lane;
	struct log *log;
	int id;
};

static void write_down(void *arg)
{
	struct entry *x = arg;

	x->log->order[x->log->n++] = x->id; /* one thread: no lock */
}

static void write_down_on_lane(void *arg)
{
	struct entry *x = arg;
	struct err e;

	CHECK_OK(lane_run(x->lane, write_down, x, NULL, FOREVER, NULL, &e), &e);
}

static void one_thread_makes_a_queue(struct world *w)
{
	struct lane *l = lane_new(w, "queue", 1);
	struct log log = { 0 };
	struct entry x[200];
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < 200; i++) {
		x[i] = (struct entry){ l, &log, i };
		scope_go(&s, write_down_on_lane, &x[i]);
	}
	scope_join(&s);
	CHECK_INT(log.n, 200);
	for (int i = 0; i < log.n; i++)
		CHECK_INT(log.order[i], i);
	lane_free(l);
}

static void a_lane_refuses_when_time_is_up(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	bool ran = true;
	int got = 0;
	struct err e;

	CHECK_ERR(lane_run(l, set_seven, &got, NULL, fiber_now(), &ran, &e), &e, ERR_TIMEOUT);
	CHECK(!ran);
	CHECK_HAS(e.msg, "test: ");
	CHECK_INT(got, 0);
	lane_free(l);
}

struct cancelled_job {
	struct lane *lane;
	int got, r;
	bool ran;
	struct err e;
};

static void run_cancelled(void *arg)
{
	struct cancelled_job *j = arg;

	j->r = lane_run(j->lane, set_seven, &j->got, NULL, FOREVER, &j->ran, &j->e);
}

static void a_cancelled_fiber_starts_no_job(struct world *w)
{
	struct cancelled_job j = { .lane = lane_new(w, "test", 1), .ran = true };
	struct scope s;

	scope_open(&s, FOREVER);
	scope_cancel(&s);
	scope_go(&s, run_cancelled, &j);
	scope_join(&s);
	CHECK_ERR(j.r, &j.e, ERR_CANCELED);
	CHECK(!j.ran);
	CHECK_INT(j.got, 0);
	lane_free(j.lane);
}

/* A job that blocks until it is let go or interrupted. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool entered, open;
	int interrupts;
	struct lane *lane;
	int64_t deadline;
	void (*interrupt)(void *);
	int r;
	bool ran;
	struct err e;
};

static void gate_init(struct gate *g, struct lane *l, int64_t deadline, void (*interrupt)(void *))
{
	*g = (struct gate){ .lane = l, .deadline = deadline, .interrupt = interrupt };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->moved, NULL);
}

static void stand_at_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->lock);
	g->entered = true;
	pthread_cond_broadcast(&g->moved);
	while (!g->open)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void open_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
}

static void interrupt_gate(void *arg)
{
	struct gate *g = arg;

	g->interrupts++; /* on the loop's thread */
	open_gate(arg);
}

static void wait_entered(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	while (!g->entered)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void run_gate(void *arg)
{
	struct gate *g = arg;

	g->r = lane_run(g->lane, stand_at_gate, g, g->interrupt, g->deadline, &g->ran, &g->e);
}

static void a_deadline_interrupts_a_running_job(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int64_t start = fiber_now();
	struct gate g;

	gate_init(&g, l, start + 30, interrupt_gate);
	run_gate(&g);
	CHECK_ERR(g.r, &g.e, ERR_TIMEOUT);
	CHECK(g.ran);
	CHECK_INT(g.interrupts, 1);
	CHECK(fiber_now() - start >= 30);
	lane_free(l);
}

static void cancelling_interrupts_a_running_job(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	struct scope s;
	struct gate g;
	struct err e;

	gate_init(&g, l, FOREVER, interrupt_gate);
	scope_open(&s, FOREVER);
	scope_go(&s, run_gate, &g);
	CHECK_OK(fiber_yield(&e), &e);
	wait_entered(&g);
	scope_cancel(&s);
	scope_join(&s);
	CHECK_ERR(g.r, &g.e, ERR_CANCELED);
	CHECK(g.ran);
	CHECK_INT(g.interrupts, 1);
	lane_free(l);
}

static void open_later(void *arg)
{
	struct err e;

	CHECK_OK(fiber_sleep(40, &e), &e);
	open_gate(arg);
}

static void a_job_that_cannot_be_interrupted_is_waited_for(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int64_t start = fiber_now();
	struct scope s;
	struct gate g;

	gate_init(&g, l, start + 10, NULL);
	scope_open(&s, FOREVER);
	scope_go(&s, open_later, &g);
	run_gate(&g);
	CHECK_OK(g.r, &g.e);
	CHECK(g.ran);
	CHECK(fiber_now() - start >= 40);
	scope_join(&s);
	lane_free(l);
}

static void a_job_in_the_queue_is_taken_back(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int64_t start = fiber_now();
	bool ran = true;
	int got = 0;
	struct scope s;
	struct gate g;
	struct err e;

	gate_init(&g, l, FOREVER, NULL);
	scope_open(&s, FOREVER);
	scope_go(&s, run_gate, &g);
	CHECK_OK(fiber_yield(&e), &e);
	wait_entered(&g);
	CHECK_ERR(
	    lane_run(l, set_seven, &got, interrupt_gate, start + 20, &ran, &e), &e, ERR_TIMEOUT);
	CHECK(!ran);
	open_gate(&g);
	scope_join(&s);
	CHECK_OK(lane_run(l, nothing, NULL, NULL, FOREVER, NULL, &e), &e);
	CHECK_INT(got, 0);
	lane_free(l);
}

struct crowd {
	struct lane *lane;
	atomic_int inside, most, total;
};

static void join_crowd(void *arg)
{
	struct crowd *c = arg;
	int n = atomic_fetch_add(&c->inside, 1) + 1, most = atomic_load(&c->most);

	while (n > most && !atomic_compare_exchange_weak(&c->most, &most, n))
		;
	for (volatile int i = 0; i < 2000; i++)
		;
	atomic_fetch_sub(&c->inside, 1);
	atomic_fetch_add(&c->total, 1);
}

static void go_often(void *arg)
{
	struct crowd *c = arg;
	struct err e;

	for (int i = 0; i < 20; i++)
		CHECK_OK(lane_run(c->lane, join_crowd, c, NULL, FOREVER, NULL, &e), &e);
}

static void a_lane_runs_no_more_jobs_at_once_than_it_has_threads(struct world *w)
{
	struct crowd c = { .lane = lane_new(w, "crowd", 3) };
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < 50; i++)
		scope_go(&s, go_often, &c);
	scope_join(&s);
	CHECK_INT(atomic_load(&c.total), 1000);
	CHECK(atomic_load(&c.most) <= 3);
	lane_free(c.lane);
}

/* Deadlines as short as a job takes, so that both happen at the same moment, over and over. */
struct racer {
	struct lane *lane;
	atomic_int hits;
	int ran, interrupted;
};

static void spin_a_little(void *arg)
{
	struct racer *x = arg;

	for (volatile int i = 0; i < 300000 && !atomic_load(&x->hits); i++)
		;
}

static void hit(void *arg)
{
	struct racer *x = arg;

	atomic_fetch_add(&x->hits, 1);
}

static void race(void *arg)
{
	struct racer *x = arg;
	struct err e;

	for (int i = 0; i < 30; i++) {
		bool ran;
		int before = atomic_load(&x->hits);
		int r = lane_run(x->lane, spin_a_little, x, hit, fiber_now() + 1 + i % 3, &ran, &e);
		int hits = atomic_load(&x->hits) - before;

		CHECK(r == 0 ? ran && hits == 0 : e.code == ERR_TIMEOUT);
		CHECK_INT(hits, r < 0 && ran);
		atomic_store(&x->hits, 0);
		x->ran += ran;
		x->interrupted += hits;
	}
}

static void an_interrupt_reaches_its_own_job_or_none(struct world *w)
{
	struct racer x[8] = { 0 };
	struct lane *l = lane_new(w, "race", 2);
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < 8; i++) {
		x[i].lane = l;
		scope_go(&s, race, &x[i]);
	}
	scope_join(&s);
	lane_free(l);
}

static __attribute__((noinline)) void go_deep(void *arg)
{
	volatile char big[2000];

	memset((char *)big, 1, sizeof(big));
	if (--*(int *)arg > 0)
		go_deep(arg);
	*(int *)arg += big[1999];
}

static void a_job_may_use_a_large_stack(struct world *w)
{
	struct lane *l = lane_new(w, "deep", 1);
	int depth = 200; /* 400 KiB */
	struct err e;

	CHECK_OK(lane_run(l, go_deep, &depth, NULL, FOREVER, NULL, &e), &e);
	CHECK_INT(depth, 200);
	lane_free(l);
}

static void in_a_simulation_a_job_takes_no_time(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int64_t start = fiber_now();
	struct err e;

	for (int i = 0; i < 100; i++)
		CHECK_OK(lane_run(l, nothing, NULL, NULL, FOREVER, NULL, &e), &e);
	CHECK_INT(fiber_now(), start);
	lane_free(l);
}

static void other_fibers_run_while_a_job_is_under_way(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int other = 0;
	struct scope s;
	struct err e;

	scope_open(&s, FOREVER);
	scope_go(&s, set_seven, &other);
	CHECK_OK(lane_run(l, nothing, NULL, NULL, FOREVER, NULL, &e), &e);
	CHECK_INT(other, 7);
	scope_join(&s);
	lane_free(l);
}

static void count_interrupt(void *arg)
{
	++*(int *)arg;
}

/* With jitter, over many tries, a deadline must hit jobs before and after their effect, and miss
 * some: those are the three things that can happen to a real one. */
static void jitter_shows_every_way_a_job_can_end(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int in_time = 0, taken_back = 0, unknown = 0;

	world_sim_jitter(w, 40);
	for (int i = 0; i < 300; i++) {
		int64_t start = fiber_now();
		int interrupts = 0;
		bool ran;
		struct err e;
		int r = lane_run(l, nothing, &interrupts, count_interrupt, start + 30, &ran, &e);

		CHECK_INT(interrupts, r < 0 && ran);
		CHECK(r == 0 || e.code == ERR_TIMEOUT);
		CHECK(r < 0 || fiber_now() - start < 30);
		in_time += r == 0;
		taken_back += r < 0 && !ran;
		unknown += r < 0 && ran;
	}
	CHECK(in_time > 30);
	CHECK(taken_back > 30);
	CHECK(unknown > 30);
	lane_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(a_job_runs_and_its_result_is_there),
		REAL_TEST(a_job_runs_and_its_result_is_there),
		SIM_TEST(one_thread_makes_a_queue),
		REAL_TEST(one_thread_makes_a_queue),
		SIM_TEST(a_lane_refuses_when_time_is_up),
		REAL_TEST(a_lane_refuses_when_time_is_up),
		SIM_TEST(a_cancelled_fiber_starts_no_job),
		REAL_TEST(a_cancelled_fiber_starts_no_job),
		REAL_TEST(a_deadline_interrupts_a_running_job),
		REAL_TEST(cancelling_interrupts_a_running_job),
		REAL_TEST(a_job_that_cannot_be_interrupted_is_waited_for),
		REAL_TEST(a_job_in_the_queue_is_taken_back),
		REAL_TEST(a_lane_runs_no_more_jobs_at_once_than_it_has_threads),
		REAL_TEST(an_interrupt_reaches_its_own_job_or_none),
		SIM_TEST(a_job_may_use_a_large_stack),
		REAL_TEST(a_job_may_use_a_large_stack),
		SIM_TEST(in_a_simulation_a_job_takes_no_time),
		SIM_TEST(other_fibers_run_while_a_job_is_under_way),
		SIM_TEST(jitter_shows_every_way_a_job_can_end),
	};

	return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
