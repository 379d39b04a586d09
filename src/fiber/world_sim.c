#include "fiber/world.h"

#include "base/mem.h"
#include "fiber/runtime.h"
#include "fiber/world_kind.h"

#include <stdlib.h>
#include <string.h>

/* Nothing here waits: when no fiber is ready, the clock jumps to the next that waits for a
 * time.  When there is none either, nothing can ever happen again, and the test is told.
 *
 * A lane is a semaphore.  Its jobs run in line, on the loop's large stack as on a thread's, so
 * they block everything for no virtual time at all.  Jitter puts chance around a job: time
 * before it, in which it has not begun and can be taken back, and time after it, in which it
 * has had its effect and nobody knows yet; that is what a real thread looks like to the fiber
 * that waits for it. */

#define START    1000                   /* 0 would pass for "never" in somebody's struct */
#define DAY      INT64_C(1767603600000) /* Monday, 5 January 2026, 09:00 UTC */
#define LIVELOCK 10000000               /* bursts without the clock moving */

struct sim {
	struct world world;
	uint64_t chance, jitter_chance; /* apart, so that jitter changes no ids */
	int64_t now, day;
	int jitter;
	bool crashed, running;
};

struct sim_lane {
	struct lane lane;
	struct semaphore places;
};

static struct sim *sim_of(const struct world *w)
{
	if (w->kind != &world_kind_sim)
		bug("only a simulation can do that");
	return container_of(w, struct sim, world);
}

/* SplitMix64. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct world *world_sim(uint64_t seed)
{
	struct sim *s = mem_new(struct sim);

	s->world.kind = &world_kind_sim;
	s->chance = seed;
	s->jitter_chance = seed ^ UINT64_C(0x6a69747465720000);
	s->now = START;
	s->day = DAY;
	return &s->world;
}

static void sim_free(struct world *w)
{
	free(sim_of(w));
}

static void sim_run(struct world *w, fiber_fn *fn, void *arg)
{
	struct sim *s = sim_of(w);
	struct scope first;
	int bursts = 0;

	runtime_start(s->now, NULL, NULL);
	s->running = true;
	if (s->crashed)
		runtime_freeze();
	scope_open_root(&first);
	scope_go(&first, fn, arg);
	while (runtime_alive()) {
		if (runtime_run()) {
			if (++bursts == LIVELOCK)
				bug("fibers keep one another awake and time stands still");
			continue;
		}
		bursts = 0;
		if (runtime_next_wake() == FOREVER)
			bug("%d fibers wait for nothing", runtime_alive());
		s->now = runtime_next_wake();
		runtime_set_now(s->now);
	}
	s->running = false;
	runtime_stop();
}

static int64_t sim_time(struct world *w)
{
	const struct sim *s = sim_of(w);

	return s->day + (s->now - START);
}

static void sim_random(struct world *w, void *bytes, size_t n)
{
	struct sim *s = sim_of(w);
	unsigned char *out = bytes;

	while (n > 0) {
		uint64_t word = next(&s->chance);
		size_t part = n < sizeof(word) ? n : sizeof(word);

		memcpy(out, &word, part);
		out += part;
		n -= part;
	}
}

void world_sim_time(struct world *w, int64_t ms)
{
	struct sim *s = sim_of(w);

	s->day = ms - (s->now - START);
}

void world_sim_jitter(struct world *w, int max_ms)
{
	sim_of(w)->jitter = max_ms;
}

void world_crash(struct world *w)
{
	struct sim *s = sim_of(w);

	if (s->crashed)
		return;
	s->crashed = true;
	if (s->running)
		runtime_freeze();
}

bool world_crashed(const struct world *w)
{
	return w->kind == &world_kind_sim && sim_of(w)->crashed;
}

static struct lane *sim_lane_new(struct world *w, const char *name, int threads)
{
	struct sim_lane *l = mem_new(struct sim_lane);

	(void)w;
	(void)name;
	semaphore_init(&l->places, threads);
	return &l->lane;
}

static void sim_lane_free(struct lane *lane)
{
	struct sim_lane *l = container_of(lane, struct sim_lane, lane);

	if (l->places.free != lane->limit)
		bug("lane %s is freed while jobs are in it", lane->name);
	free(l);
}

static int64_t some_ms(struct sim *s)
{
	return s->jitter ? (int64_t)(next(&s->jitter_chance) % ((uint64_t)s->jitter + 1)) : 0;
}

/* Let ms go by, but no more than the deadlines allow.  0 ms: let the others run. */
static int pass(int64_t ms, int64_t deadline, struct err *e)
{
	int64_t end = fiber_now() + ms;

	if (fiber_sleep_until(end < deadline ? end : deadline, e) < 0)
		return -1;
	return end < deadline ? 0 : err_set(e, ERR_TIMEOUT, "the time allowed for it ran out");
}

static void sit_out(void *arg)
{
	const int64_t *end = arg;
	struct err e;

	(void)fiber_sleep_until(*end, &e); /* fails when the world crashes: then it is over too */
}

/* The time after a job's effect.  Nothing cuts it short, but the fiber that waits is told that it
 * waited in vain. */
static int linger(int64_t ms, void *arg, void (*interrupt)(void *), int64_t deadline, struct err *e)
{
	int64_t end = fiber_now() + ms;
	struct scope shield;

	if (ms == 0 || pass(ms, deadline, e) == 0)
		return 0;
	if (interrupt)
		interrupt(arg);
	scope_open_shielded(&shield, FOREVER);
	scope_run(&shield, sit_out, &end);
	scope_join(&shield);
	return interrupt ? -1 : 0;
}

static int refuse(struct err *e)
{
	return err_set(e, ERR_IO, "the world crashed");
}

static int sim_lane_run(struct lane *lane, void (*fn)(void *), void *arg, void (*interrupt)(void *),
    int64_t deadline, bool *ran, struct err *e)
{
	struct sim_lane *l = container_of(lane, struct sim_lane, lane);
	struct sim *s = sim_of(lane->world);
	int64_t before = some_ms(s), after = some_ms(s);
	int r;

	if (semaphore_take(&l->places, deadline, e) < 0)
		return s->crashed ? refuse(e) : -1; /* no wait succeeds in a crashed world */
	r = pass(before, deadline, e);
	if (r == 0 && !s->crashed) {
		*ran = true;
		runtime_call(fn, arg);
		r = linger(after, arg, s->crashed ? NULL : interrupt, deadline, e);
	}
	semaphore_give(&l->places);
	return s->crashed ? refuse(e) : r;
}

const struct world_kind world_kind_sim = {
	.name = "simulated",
	.run = sim_run,
	.free = sim_free,
	.time = sim_time,
	.random = sim_random,
	.lane_new = sim_lane_new,
	.lane_free = sim_lane_free,
	.lane_run = sim_lane_run,
};
