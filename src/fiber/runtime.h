#ifndef FIBER_RUNTIME_H
#define FIBER_RUNTIME_H

#include "fiber/fiber.h"

/* The side of the fibers that an event loop sees; only world_*.c includes it.
 *
 * The loop sets the time, runs what is ready, and then waits for events or until the next
 * wake, whichever is first.  All of it on one thread. */

/* clock(arg) tells the time to the loop's own callbacks, where fiber_now() would otherwise
 * say when fibers last ran; NULL: it does say that. */
void runtime_start(int64_t now, int64_t (*clock)(void *arg), void *arg);
void runtime_stop(void); /* bug() when a fiber is still alive */

void runtime_set_now(int64_t now); /* wakes whoever's time has come; never backwards */
/* Run ready fibers until none is, or until so many have run that the loop should look after
 * its events (fibers may keep one another awake); false when there was none.  Not from a fiber. */
bool runtime_run(void);
bool runtime_ready(void);        /* would runtime_run() do something? */
int64_t runtime_next_wake(void); /* FOREVER: nobody waits for a time */
int runtime_alive(void);         /* fibers that have not ended */

/* Call fn(arg) for the current fiber on the loop's stack, which is large.  Nothing else runs
 * meanwhile, and fn may not wait. */
void runtime_call(void (*fn)(void *), void *arg);

/* The world stopped in mid-air (a simulated crash): every wait, now and later, fails with
 * ERR_CANCELED, shielded or not. */
void runtime_freeze(void);

#endif
