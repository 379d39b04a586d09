#include "fiber/world.h"

#include "base/mem.h"
#include "base/text.h"
#include "fiber/world_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_LETTERS 20

void world_free(struct world *w)
{
	if (!w)
		return;
	if (w->lanes)
		bug("the world ends with %d lanes not freed", w->lanes);
	w->kind->free(w);
}

void world_run(struct world *w, fiber_fn *fn, void *arg)
{
	if (w->ran)
		bug("a world runs once");
	w->ran = true;
	w->kind->run(w, fn, arg);
}

int64_t world_time(struct world *w)
{
	return w->kind->time(w);
}

void world_random(struct world *w, void *bytes, size_t n)
{
	w->kind->random(w, bytes, n);
}

char *world_id(struct world *w, const char *prefix, char out[WORLD_ID_SIZE])
{
	unsigned char chance[ID_LETTERS];
	size_t n = strlen(prefix);

	if (n + ID_LETTERS >= WORLD_ID_SIZE)
		bug("the prefix of an id is too long: %s", prefix);
	world_random(w, chance, sizeof(chance));
	memcpy(out, prefix, n);
	text_id(out + n, chance, ID_LETTERS);
	return out;
}

struct lane *lane_new(struct world *w, const char *name, int threads)
{
	struct lane *l;

	if (threads < 1)
		bug("lane %s has no threads", name);
	l = w->kind->lane_new(w, name, threads);
	w->lanes++;
	l->world = w;
	l->name = mem_strdup(name);
	l->limit = threads;
	return l;
}

void lane_free(struct lane *l)
{
	char *name;

	if (!l)
		return;
	name = l->name;
	l->world->lanes--;
	l->world->kind->lane_free(l);
	free(name);
}

int lane_run(struct lane *l, void (*fn)(void *), void *arg, void (*interrupt)(void *),
    int64_t deadline, bool *ran, struct err *e)
{
	bool unused;

	if (!ran)
		ran = &unused;
	*ran = false;
	if (l->world->kind->lane_run(l, fn, arg, interrupt, deadline, ran, e) < 0)
		return err_wrap(e, "%s", l->name);
	return 0;
}
