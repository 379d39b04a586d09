#include "fiber/world.h"

#include "base/arena.h"
#include "base/mem.h"
#include "fiber/runtime.h"
#include "fiber/threads.h"
#include "fiber/world_kind.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <uv.h>

/* Fibers run at two points of each turn of the loop: before it waits, for what timers and the
 * callbacks of closing handles made ready, and right after, for what the events did.  So whoever
 * is made ready by any callback runs in the same turn.  Before waiting, one timer is set for the
 * earliest time that a fiber waits for; nothing else wakes the loop when it is idle.  When the
 * fibers have used up their burst and some are still ready, an idle handle keeps the loop from
 * waiting at all. */

struct real {
	struct world world;
	uv_loop_t loop;
	uv_prepare_t before;
	uv_check_t after;
	uv_timer_t timer;
	uv_idle_t busy;
	struct threads threads;
	unsigned char chance[512]; /* from the system, not yet given out */
	size_t nchance;
	int64_t set_for; /* when the timer rings */
	bool closed;
};

static struct real *real_of(const struct world *w)
{
	return container_of(w, struct real, world);
}

static int64_t loop_clock(void *arg)
{
	return (int64_t)uv_now(arg);
}

static void run_fibers(struct real *r)
{
	uv_update_time(&r->loop);
	runtime_set_now((int64_t)uv_now(&r->loop));
	runtime_run();
	if (runtime_alive() == 0)
		uv_stop(&r->loop);
}

static void nothing(uv_timer_t *t)
{
	(void)t;
}

static void stay_busy(uv_idle_t *i)
{
	(void)i;
}

static void set_timer(struct real *r)
{
	int64_t at = runtime_next_wake(), now = (int64_t)uv_now(&r->loop);

	if (at == FOREVER)
		uv_timer_stop(&r->timer);
	else if (at != r->set_for || !uv_is_active((uv_handle_t *)&r->timer))
		uv_timer_start(&r->timer, nothing, at > now ? (uint64_t)(at - now) : 0, 0);
	r->set_for = at;
}

static void before_wait(uv_prepare_t *h)
{
	struct real *r = container_of(h, struct real, before);

	run_fibers(r);
	set_timer(r);
	if (runtime_ready())
		uv_idle_start(&r->busy, stay_busy);
	else
		uv_idle_stop(&r->busy);
}

static void after_wait(uv_check_t *h)
{
	run_fibers(container_of(h, struct real, after));
}

static void close_handles(struct real *r)
{
	if (r->closed)
		return;
	r->closed = true;
	uv_close((uv_handle_t *)&r->before, NULL);
	uv_close((uv_handle_t *)&r->after, NULL);
	uv_close((uv_handle_t *)&r->timer, NULL);
	uv_close((uv_handle_t *)&r->busy, NULL);
	uv_close((uv_handle_t *)&r->threads.wake, NULL);
	uv_run(&r->loop, UV_RUN_NOWAIT);
}

static void name_open(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h))
		*(const char **)arg = uv_handle_type_name(h->type);
}

struct world *world_real(struct err *e)
{
	struct real *r = mem_new(struct real);
	int failed = uv_loop_init(&r->loop);

	if (failed) {
		free(r);
		err_set(e, ERR_IO, "making an event loop: %s", uv_strerror(failed));
		return NULL;
	}
	if (threads_init(&r->threads, &r->loop, e) < 0) {
		uv_loop_close(&r->loop);
		free(r);
		return NULL;
	}
	r->world.kind = &world_kind_real;
	uv_prepare_init(&r->loop, &r->before);
	uv_check_init(&r->loop, &r->after);
	uv_timer_init(&r->loop, &r->timer);
	uv_idle_init(&r->loop, &r->busy);
	signal(SIGPIPE, SIG_IGN);
	return &r->world;
}

static void real_free(struct world *w)
{
	struct real *r = real_of(w);
	const char *left = NULL;

	close_handles(r);
	for (int i = 0; i < 3 && uv_loop_alive(&r->loop); i++)
		uv_run(&r->loop, UV_RUN_NOWAIT); /* others may just have closed theirs */
	if (uv_loop_close(&r->loop) < 0) {
		uv_walk(&r->loop, name_open, &left);
		bug("the loop ends with a handle open (%s)", left ? left : "closing");
	}
	threads_done(&r->threads);
	free(r);
	arena_thread_ends();
}

static void real_run(struct world *w, fiber_fn *fn, void *arg)
{
	struct real *r = real_of(w);
	struct scope first;

	uv_update_time(&r->loop);
	runtime_start((int64_t)uv_now(&r->loop), loop_clock, &r->loop);
	uv_prepare_start(&r->before, before_wait);
	uv_check_start(&r->after, after_wait);
	scope_open_root(&first);
	scope_go(&first, fn, arg);
	while (runtime_alive())
		uv_run(&r->loop, UV_RUN_DEFAULT);
	runtime_stop();
	close_handles(r);
}

static int64_t real_time(struct world *w)
{
	struct timespec t;

	(void)w;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void ask_system(unsigned char *out, size_t n)
{
	ssize_t got;

	for (; n > 0; out += got, n -= (size_t)got) {
		got = getrandom(out, n, 0);
		if (got < 0 && errno != EINTR)
			bug("the system has no random bytes: %s", strerror(errno));
		if (got < 0)
			got = 0;
	}
}

/* The system is asked for many at a time; what was given out is not kept. */
static void real_random(struct world *w, void *bytes, size_t n)
{
	struct real *r = real_of(w);

	if (n > sizeof(r->chance)) {
		ask_system(bytes, n);
		return;
	}
	if (n > r->nchance) {
		ask_system(r->chance, sizeof(r->chance));
		r->nchance = sizeof(r->chance);
	}
	r->nchance -= n;
	memcpy(bytes, r->chance + r->nchance, n);
	explicit_bzero(r->chance + r->nchance, n);
}

uv_loop_t *world_loop(struct world *w)
{
	return w->kind == &world_kind_real ? &real_of(w)->loop : NULL;
}

static struct lane *real_lane_new(struct world *w, const char *name, int threads)
{
	(void)name;
	(void)threads;
	return threads_lane_new(&real_of(w)->threads);
}

const struct world_kind world_kind_real = {
	.name = "real",
	.run = real_run,
	.free = real_free,
	.time = real_time,
	.random = real_random,
	.lane_new = real_lane_new,
	.lane_free = threads_lane_free,
	.lane_run = threads_lane_run,
};
