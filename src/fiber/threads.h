#ifndef FIBER_THREADS_H
#define FIBER_THREADS_H

#include "fiber/world_kind.h"

#include <pthread.h>
#include <uv.h>

/* The real lanes: threads, and how what they finish comes back to the loop.
 *
 * One lock covers all lanes of a world.  It is held for a few list operations, twice a job. */

struct threads {
	pthread_mutex_t lock;
	struct link finished; /* jobs that the loop has not seen yet */
	uv_async_t wake;      /* tells the loop to look */
};

int threads_init(struct threads *t, uv_loop_t *loop, struct err *e);
void threads_done(struct threads *t); /* the handle is closed by whoever closes the loop's */

struct lane *threads_lane_new(struct threads *t);
void threads_lane_free(struct lane *l);
int threads_lane_run(struct lane *l, void (*fn)(void *), void *arg, void (*interrupt)(void *),
    int64_t deadline, bool *ran, struct err *e);

#endif
