#ifndef FIBER_WORLD_KIND_H
#define FIBER_WORLD_KIND_H

#include "fiber/world.h"

/* What a kind of world must be able to do; the two that exist embed struct world and struct
 * lane as their first member.  Only world*.c and lane*.c include this. */

struct world_kind {
	const char *name;
	void (*run)(struct world *w, fiber_fn *fn, void *arg);
	void (*free)(struct world *w);
	int64_t (*time)(struct world *w);
	void (*random)(struct world *w, void *bytes, size_t n);
	struct lane *(*lane_new)(struct world *w, const char *name, int threads);
	void (*lane_free)(struct lane *l);
	int (*lane_run)(struct lane *l, void (*fn)(void *), void *arg, void (*interrupt)(void *),
	    int64_t deadline, bool *ran, struct err *e);
};

struct world {
	const struct world_kind *kind;
	bool ran;
	int lanes; /* not freed yet; they use the world */
};

struct lane {
	struct world *world;
	char *name;
	int limit; /* threads */
};

extern const struct world_kind world_kind_real, world_kind_sim;

#endif
