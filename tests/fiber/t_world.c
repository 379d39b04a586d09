#include "tests/check.h"

#include "base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* The two worlds: the real one among other people's callbacks, the simulated one repeating
 * itself and crashing. */

static void nap(void *arg)
{
	struct err e;

	CHECK_OK(fiber_sleep(*(const int *)arg, &e), &e);
}

static void naps_overlap_on_the_real_clock(struct world *w)
{
	int64_t start = fiber_now();
	struct scope s;
	int ms = 100;

	(void)w;
	scope_open(&s, FOREVER);
	for (int i = 0; i < 3; i++)
		scope_go(&s, nap, &ms);
	scope_join(&s);
	CHECK(fiber_now() - start >= 100);
	CHECK(fiber_now() - start < 200); /* one after another: 300 */
}

/* Everything that a loop's callback needs to do its deed. */
struct deed {
	struct signal done;
	int64_t at; /* by fiber_now() in the callback */
	struct scope *root;
	struct err e;
};

static void on_timer(uv_timer_t *t)
{
	struct deed *d = t->data;

	CHECK(!fiber_inside());
	d->at = fiber_now();
	signal_wake_all(&d->done);
}

static void on_closed(uv_handle_t *h)
{
	signal_wake_all(&((struct deed *)h->data)->done);
}

static void tell(void *arg)
{
	signal_wake_all(&((struct deed *)arg)->done);
}

static void on_async(uv_async_t *a)
{
	struct deed *d = a->data;

	d->at = fiber_now();
	scope_go(d->root, tell, d);
}

static void close_and_wait(uv_handle_t *h, struct deed *d)
{
	uv_close(h, on_closed);
	CHECK_OK(signal_wait(&d->done, FOREVER, &d->e), &d->e);
}

/* No fiber waits for a time here: if what a callback made ready did not run in that turn, the
 * loop would sleep for ever. */
static void what_a_timer_wakes_runs_in_the_same_turn(struct world *w)
{
	struct deed d = { 0 };
	int64_t start = fiber_now();
	uv_timer_t t;

	signal_init(&d.done);
	uv_timer_init(world_loop(w), &t);
	t.data = &d;
	uv_timer_start(&t, on_timer, 60, 0);
	CHECK_OK(signal_wait(&d.done, FOREVER, &d.e), &d.e);
	CHECK(d.at - start >= 60); /* fiber_now() is right in a callback after a long poll */
	close_and_wait((uv_handle_t *)&t, &d);
}

static void send_later(void *arg)
{
	usleep(30000);
	uv_async_send(arg);
}

static void what_a_callback_starts_on_a_root_scope_runs_in_the_same_turn(struct world *w)
{
	struct scope root;
	struct deed d = { .root = &root };
	int64_t start = fiber_now();
	uv_thread_t thread;
	uv_async_t a;

	signal_init(&d.done);
	scope_open_root(&root);
	uv_async_init(world_loop(w), &a, on_async);
	a.data = &d;
	CHECK_INT(uv_thread_create(&thread, send_later, &a), 0);
	CHECK_OK(signal_wait(&d.done, FOREVER, &d.e), &d.e);
	CHECK(d.at - start >= 29);
	uv_thread_join(&thread);
	close_and_wait((uv_handle_t *)&a, &d);
	scope_join(&root);
}

static void count(uv_prepare_t *p)
{
	++*(int *)p->data;
}

static void an_idle_loop_does_not_spin(struct world *w)
{
	int turns = 0, ms = 120;
	uv_prepare_t p;
	struct err e;

	uv_prepare_init(world_loop(w), &p);
	p.data = &turns;
	uv_prepare_start(&p, count);
	CHECK_OK(fiber_sleep(1, &e), &e);
	turns = 0;
	nap(&ms);
	CHECK(turns <= 5);
	uv_close((uv_handle_t *)&p, NULL);
	CHECK_OK(fiber_sleep(1, &e), &e);
}

static void keep_awake(void *arg)
{
	const bool *stop = arg;
	struct err e;

	while (!*stop)
		if (!CHECK_OK(fiber_yield(&e), &e))
			return;
}

static void fibers_that_never_rest_leave_the_loop_its_turn(struct world *w)
{
	struct deed d = { 0 };
	struct scope s;
	bool stop = false;
	uv_timer_t t;

	signal_init(&d.done);
	uv_timer_init(world_loop(w), &t);
	t.data = &d;
	uv_timer_start(&t, on_timer, 10, 0);
	scope_open(&s, FOREVER);
	scope_go(&s, keep_awake, &stop);
	CHECK_OK(signal_wait(&d.done, FOREVER, &d.e), &d.e);
	stop = true;
	scope_join(&s);
	close_and_wait((uv_handle_t *)&t, &d);
}

static void writing_to_a_closed_pipe_does_not_kill(struct world *w)
{
	int ends[2];

	(void)w;
	CHECK_INT(pipe(ends), 0);
	close(ends[0]);
	CHECK_INT(write(ends[1], "x", 1), -1);
	close(ends[1]);
}

static void the_time_of_day_is_the_systems(struct world *w)
{
	CHECK(llabs(world_time(w) - (int64_t)time(NULL) * 1000) < 2000);
}

static void ids_are_of_their_shape_and_differ(struct world *w)
{
	char a[WORLD_ID_SIZE], b[WORLD_ID_SIZE];

	CHECK_INT(strlen(world_id(w, "c_", a)), 22);
	world_id(w, "c_", b);
	CHECK(!strncmp(a, "c_", 2));
	CHECK(strcmp(a, b) != 0);
}

static void virtual_time_of_day_goes_with_the_clock(struct world *w)
{
	struct err e;

	world_sim_time(w, 1000000000000);
	CHECK_INT(world_time(w), 1000000000000);
	CHECK_OK(fiber_sleep(86400000, &e), &e);
	CHECK_INT(world_time(w), 1000086400000);
}

/* A run that takes every kind of chance, written down. */
struct trace {
	char text[20000];
	size_t n;
	struct lane *lane;
	struct world *world;
};

struct actor {
	struct trace *t;
	int id;
};

static void nothing(void *arg)
{
	(void)arg;
}

static void act(void *arg)
{
	struct actor *a = arg;
	struct trace *t = a->t;

	for (int i = 0; i < 20; i++) {
		unsigned char chance;
		bool ran;
		struct err e;
		int r;

		world_random(t->world, &chance, 1);
		(void)fiber_sleep(chance % 16, &e);
		r = lane_run(t->lane, nothing, NULL, nothing, fiber_now() + 20, &ran, &e);
		t->n += (size_t)snprintf(t->text + t->n, sizeof(t->text) - t->n, "%d %lld %d %d\n",
		    a->id, (long long)fiber_now(), r, ran);
	}
}

static void act_all(void *arg)
{
	struct trace *t = arg;
	struct actor a[20];
	struct scope s;

	t->world = check_world();
	world_sim_jitter(t->world, 15);
	t->lane = lane_new(t->world, "trace", 2);
	scope_open(&s, FOREVER);
	for (int i = 0; i < 20; i++) {
		a[i] = (struct actor){ t, i };
		scope_go(&s, act, &a[i]);
	}
	scope_join(&s);
	lane_free(t->lane);
}

static void a_run_repeats_by_its_seed(void **state)
{
	struct trace *t = mem_alloc(3 * sizeof(*t));

	(void)state;
	check_in_sim_seed(42, act_all, &t[0]);
	check_in_sim_seed(42, act_all, &t[1]);
	check_in_sim_seed(43, act_all, &t[2]);
	assert_true(t[0].n > 3000);
	assert_string_equal(t[0].text, t[1].text);
	assert_string_not_equal(t[0].text, t[2].text);
	free(t);
}

struct crash {
	struct world *w;
	struct lane *lane;
	int waits, refused, jobs;
	struct signal never;
};

static void work(void *arg)
{
	((struct crash *)arg)->jobs++;
}

static void note(struct crash *c, int r, const struct err *e, enum err_code code)
{
	c->waits++;
	c->refused += r < 0 && e->code == code;
}

static void wait_in_vain(void *arg)
{
	struct crash *c = arg;
	struct err e;

	note(c, signal_wait(&c->never, FOREVER, &e), &e, ERR_CANCELED);
	note(c, fiber_sleep(1, &e), &e, ERR_CANCELED);
	note(c, lane_run(c->lane, work, c, NULL, FOREVER, NULL, &e), &e, ERR_IO);
}

static void wait_behind_a_shield(void *arg)
{
	struct scope s;

	scope_open_shielded(&s, FOREVER);
	scope_go(&s, wait_in_vain, arg);
	scope_run(&s, wait_in_vain, arg);
	scope_join(&s);
}

static void crash(void *arg)
{
	struct crash *c = arg;

	world_crash(c->w);
}

/* The order matters: those who wait, a job of theirs in its queue, then the end. */
static void a_crash_freezes_everything(struct world *w)
{
	struct crash c = { .w = w, .lane = lane_new(w, "disk", 1) };
	int64_t start = fiber_now();
	struct scope s;
	struct err e;

	signal_init(&c.never);
	scope_open(&s, FOREVER);
	scope_go(&s, wait_in_vain, &c);
	scope_go(&s, wait_behind_a_shield, &c);
	CHECK_OK(fiber_sleep(10, &e), &e);
	CHECK(!world_crashed(w));
	scope_go(&s, crash, &c);
	scope_join(&s);
	CHECK(world_crashed(w));
	CHECK_INT(c.waits, 9);
	CHECK_INT(c.refused, 9);
	CHECK_INT(c.jobs, 0);
	CHECK_INT(fiber_now() - start, 10);
	CHECK_ERR(fiber_sleep(1, &e), &e, ERR_CANCELED);
	lane_free(c.lane);
}

static void a_crash_inside_a_job_is_the_last_thing_it_does(struct world *w)
{
	struct crash c = { .w = w, .lane = lane_new(w, "disk", 1) };
	bool ran;
	struct err e;

	CHECK_ERR(lane_run(c.lane, crash, &c, NULL, FOREVER, &ran, &e), &e, ERR_IO);
	CHECK(ran);
	CHECK_ERR(lane_run(c.lane, work, &c, NULL, FOREVER, &ran, &e), &e, ERR_IO);
	CHECK(!ran);
	CHECK_INT(c.jobs, 0);
	lane_free(c.lane);
}

static void lane_job(void *arg)
{
	struct crash *c = arg;
	struct err e;

	note(c, lane_run(c->lane, work, c, work, FOREVER, NULL, &e), &e, ERR_IO);
}

static void jobs_that_wait_when_it_crashes_never_run(struct world *w)
{
	struct crash c = { .w = w, .lane = lane_new(w, "disk", 1) };
	struct scope s;
	struct err e;

	world_sim_jitter(w, 1000);
	scope_open(&s, FOREVER);
	for (int i = 0; i < 10; i++)
		scope_go(&s, lane_job, &c);
	CHECK_OK(fiber_yield(&e), &e);
	world_crash(w);
	scope_join(&s);
	CHECK_INT(c.refused, 10);
	CHECK_INT(c.jobs, 0);
	lane_free(c.lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(naps_overlap_on_the_real_clock),
		REAL_TEST(what_a_timer_wakes_runs_in_the_same_turn),
		REAL_TEST(what_a_callback_starts_on_a_root_scope_runs_in_the_same_turn),
		REAL_TEST(an_idle_loop_does_not_spin),
		REAL_TEST(fibers_that_never_rest_leave_the_loop_its_turn),
		REAL_TEST(writing_to_a_closed_pipe_does_not_kill),
		REAL_TEST(the_time_of_day_is_the_systems),
		REAL_TEST(ids_are_of_their_shape_and_differ),
		SIM_TEST(ids_are_of_their_shape_and_differ),
		SIM_TEST(virtual_time_of_day_goes_with_the_clock),
		cmocka_unit_test(a_run_repeats_by_its_seed),
		SIM_TEST(a_crash_freezes_everything),
		SIM_TEST(a_crash_inside_a_job_is_the_last_thing_it_does),
		SIM_TEST(jobs_that_wait_when_it_crashes_never_run),
	};

	return cmocka_run_group_tests_name("worlds", tests, NULL, NULL);
}
