#include "fiber/world.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What the primitives cost, in CPU time: of the process, all threads together. */

#define SWITCHES 2000000
#define FIBERS   200000
#define JOBS     100000
#define CROWD    64

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void yields(void *arg)
{
	struct err e;

	for (int i = 0; i < *(int *)arg; i++)
		(void)fiber_yield(&e);
}

static void naps(void *arg)
{
	struct err e;

	for (int i = 0; i < *(int *)arg; i++)
		(void)fiber_sleep(1, &e);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void jobs(void *arg)
{
	struct lane *l = arg;
	struct err e;

	for (int i = 0; i < JOBS / CROWD; i++)
		(void)lane_run(l, nothing, NULL, NULL, FOREVER, NULL, &e);
}

static void many(fiber_fn *fn, void *arg, int n)
{
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < n; i++)
		scope_go(&s, fn, arg);
	scope_join(&s);
}

static void fibers(void *arg)
{
	int n = SWITCHES / 2, each = 200, one = 1;
	double t = cpu_us();

	(void)arg;
	many(yields, &n, 2);
	printf("a switch out and back in, 2 fibers         %8.1f ns\n",
	    (cpu_us() - t) * 1e3 / SWITCHES);
	t = cpu_us();
	many(yields, &each, 10000);
	printf("the same, 10,000 fibers                    %8.1f ns\n",
	    (cpu_us() - t) * 1e3 / (10000 * each));
	t = cpu_us();
	many(naps, &each, 10000);
	printf("a sleep, 10,000 fibers                     %8.1f ns\n",
	    (cpu_us() - t) * 1e3 / (10000 * each));
	t = cpu_us();
	for (int i = 0; i < FIBERS / 4; i++)
		many(nothing, NULL, 4);
	printf(
	    "a fiber's life, from the cache             %8.1f ns\n", (cpu_us() - t) * 1e3 / FIBERS);
	t = cpu_us();
	many(yields, &one, 10000);
	printf(
	    "a fiber's life, among 10,000               %8.1f ns\n", (cpu_us() - t) * 1e3 / 10000);
}

static void lanes(void *arg)
{
	struct lane *l = lane_new(arg, "bench", 1);
	struct err e;
	double t = cpu_us();

	for (int i = 0; i < JOBS; i++)
		(void)lane_run(l, nothing, NULL, NULL, FOREVER, NULL, &e);
	printf("a lane job, one after another              %8.2f us\n", (cpu_us() - t) / JOBS);
	t = cpu_us();
	many(jobs, l, CROWD);
	printf(
	    "a lane job, %d fibers at once              %8.2f us\n", CROWD, (cpu_us() - t) / JOBS);
	lane_free(l);
}

int main(void)
{
	struct err e;
	struct world *w = world_sim(1);

	world_run(w, fibers, NULL);
	world_free(w);
	w = world_real(&e);
	if (!w) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	world_run(w, lanes, w);
	world_free(w);
	return 0;
}
