#ifndef FIBER_FIBER_H
#define FIBER_FIBER_H

#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Straight-line code that waits.
 *
 * A fiber is a function with a stack of its own (64 KiB and a guard page) that gives
 * way only inside a call that waits.  All fibers run on one thread and are entered from
 * its loop alone; so between two waits nothing changes under a fiber's feet, and no
 * lock is needed.
 *
 * Fibers live in scopes.  A scope cannot be left while a fiber of it runs: when
 * scope_join() returns, nothing it started is still running, and what was handed to
 * the children may go away.  A scope has a deadline and may be cancelled; both reach
 * all that runs below it.  Every waiting call then returns -1 with ERR_TIMEOUT or
 * ERR_CANCELED, at once and for ever, so cancelled code unwinds through its ordinary
 * error paths.  A scope opened with scope_open_shielded() is out of reach: neither the
 * deadline nor the cancelling of what is around it enters (a write that has begun);
 * its own deadline holds.
 *
 * Time is absolute milliseconds of a clock that only runs forward (world.h has the time
 * of day).  FOREVER is a deadline that never comes.
 *
 * The runtime is one a thread and the only hidden state: a struct world (world.h) starts
 * it, feeds it time, and ends it.  Not promised: fairness to a fiber that does not wait. */

#define FOREVER INT64_MAX

typedef void fiber_fn(void *arg);

struct fiber;

/* The fields belong to fiber.c. */
struct scope {
	int64_t deadline;
	bool cancelled, shielded, joining;
	int running;
	struct fiber *owner;        /* who opened it */
	struct scope *parent;       /* NULL: a root */
	struct link fibers, scopes; /* what runs in it; scopes opened below it */
	struct link sibling;
};

int64_t fiber_now(void);
bool fiber_inside(void); /* are we on a fiber?  (the loop's own callbacks are not) */

/* Is at least this share (per cent) of all fibers there may be still free?  Each takes two of the
 * process's memory maps (vm.max_map_count), and without any left the process ends: whoever starts
 * many, or lets strangers start them, asks first. */
bool fiber_room(int percent);

/* Sleep until then.  -1: the deadline of the scope came first, or it was cancelled. */
int fiber_sleep_until(int64_t at, struct err *e);
int fiber_sleep(int64_t ms, struct err *e);
/* Let all that is ready run once, then go on.  Fails like a wait. */
int fiber_yield(struct err *e);

/* Is there still leave to go on?  -1 with the reason otherwise; never waits. */
int fiber_check(struct err *e);

/* Open a scope below the one this fiber runs in.  Every opened scope is joined by the
 * fiber that opened it, before the struct's storage goes away. */
void scope_open(struct scope *s, int64_t deadline);
void scope_open_shielded(struct scope *s, int64_t deadline);
/* A scope with no parent, for what outlives every request; may be opened and joined on any
 * fiber, and scope_go() works on it from anywhere, the loop's callbacks too. */
void scope_open_root(struct scope *s);
/* Start fn(arg) in the scope: it runs when the current fiber waits next. */
void scope_go(struct scope *s, fiber_fn *fn, void *arg);
/* Run fn(arg) now, in this fiber, under the scope's deadline and cancelling. */
void scope_run(struct scope *s, fiber_fn *fn, void *arg);
void scope_cancel(struct scope *s);
/* Wait until all are done.  Waits as long as it takes: the deadline and cancelling have already
 * told the children.  Afterwards the scope is closed. */
void scope_join(struct scope *s);

/* Something that may happen: fibers wait for it, anyone on the thread wakes them.  A wake with
 * nobody waiting is not remembered: check the condition, then wait, in a loop. */
struct signal {
	struct link waiting;
};

void signal_init(struct signal *s);
/* 0: woken.  -1: ERR_TIMEOUT when `deadline` or the scope's came, ERR_CANCELED. */
int signal_wait(struct signal *s, int64_t deadline, struct err *e);
void signal_wake_all(struct signal *s);
void signal_wake_one(struct signal *s); /* the one that waits longest */

/* So many at a time, first come first served. */
struct semaphore {
	int free;
	struct signal freed;
};

void semaphore_init(struct semaphore *s, int count);
int semaphore_take(struct semaphore *s, int64_t deadline, struct err *e);
void semaphore_give(struct semaphore *s);

#endif
