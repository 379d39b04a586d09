#include "fiber/timers.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->at != b->at ? a->at < b->at : a->arrival < b->arrival;
}

static void put(struct timers *t, size_t i, struct timer *m)
{
	t->heap[i] = m;
	m->place = i + 1;
}

static void up(struct timers *t, size_t i, struct timer *m)
{
	for (; i > 0 && earlier(m, t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		put(t, i, t->heap[(i - 1) / 2]);
	put(t, i, m);
}

static void down(struct timers *t, size_t i, struct timer *m)
{
	for (size_t child; (child = 2 * i + 1) < t->n; i = child) {
		if (child + 1 < t->n && earlier(t->heap[child + 1], t->heap[child]))
			child++;
		if (!earlier(t->heap[child], m))
			break;
		put(t, i, t->heap[child]);
	}
	put(t, i, m);
}

void timers_add(struct timers *t, struct timer *m, int64_t at)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->heap = mem_resize(t->heap, t->cap * sizeof(struct timer *));
	}
	m->at = at;
	m->arrival = t->arrivals++;
	up(t, t->n++, m);
}

void timers_out(struct timers *t, struct timer *m)
{
	struct timer *last;
	size_t hole;

	if (m->place == 0)
		return;
	hole = m->place - 1;
	m->place = 0;
	last = t->heap[--t->n];
	if (last == m)
		return;
	if (hole > 0 && earlier(last, t->heap[(hole - 1) / 2]))
		up(t, hole, last);
	else
		down(t, hole, last);
}

struct timer *timers_first(const struct timers *t)
{
	return t->n ? t->heap[0] : NULL;
}

void timers_done(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}
