#ifndef FIBER_STACK_H
#define FIBER_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* Stacks for fibers, with a cache of those given back.
 *
 * A stack is 64 KiB of address space (four times that under a sanitizer, whose frames
 * are larger), of which the system backs what was touched.  The guard below is as large
 * as a stack, so that a frame of any size that overruns hits it and the process dies
 * instead of writing into a neighbour.  Each stack costs the kernel two mappings
 * (vm.max_map_count, 65,530 by default, ends at about 32,000 fibers).
 *
 * The cache keeps a bounded number.  The few that are used over and over stay as they are;
 * those that only a crowd needs keep the pages that nearly every fiber touches. */

struct stack {
	char *low; /* the lowest usable byte */
	size_t size;
	unsigned valgrind;
	bool trimmed; /* while in the cache */
};

struct stack_cache {
	struct stack *kept;
	int n;
};

struct stack stack_take(struct stack_cache *c);
void stack_give(struct stack_cache *c, struct stack s);
void stack_cache_done(struct stack_cache *c);
/* So many a process may have: each is two of its memory maps, and some are left to the rest. */
int stack_most(void);

#endif
