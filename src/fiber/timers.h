#ifndef FIBER_TIMERS_H
#define FIBER_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* Who waits for a time, earliest first; the same time in the order of arrival.
 *
 * A binary heap of pointers to timers that live in what waits: adding and taking out
 * are O(log n), looking at the first is O(1). */

struct timer {
	int64_t at;
	uint64_t arrival;
	size_t place; /* index in the heap + 1; 0: not in it */
};

struct timers {
	struct timer **heap;
	size_t n, cap;
	uint64_t arrivals;
};

void timers_add(struct timers *t, struct timer *m, int64_t at);
void timers_out(struct timers *t, struct timer *m); /* nothing when it is not in */
struct timer *timers_first(const struct timers *t); /* NULL: nobody */
void timers_done(struct timers *t);

#endif
