#include "conversation/inside.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Reading along: the newest events are at hand in the tail, older ones come from the log. */

#define TAIL_MAX 64 /* committed events kept for followers */

void tail_keep(struct conversation *c, const struct event *ev)
{
	struct kept *k = mem_new(struct kept);

	k->ev = *ev;
	json_incref(json_unconst(ev->data));
	if (ev->turn) {
		memcpy(k->turn, ev->turn, strnlen(ev->turn, sizeof(k->turn) - 1));
		k->ev.turn = k->turn;
	}
	list_append(&c->pending, &k->link);
	c->tail++;
}

static void tail_drop(struct conversation *c)
{
	struct kept *k = container_of(c->pending.next, struct kept, link);

	list_out(&k->link);
	json_decref(json_unconst(k->ev.data));
	free(k);
	c->tail--;
}

void tail_trim(struct conversation *c)
{
	while (c->tail > (c->followers ? TAIL_MAX : 0) &&
	       container_of(c->pending.next, struct kept, link)->ev.seq <= c->committed)
		tail_drop(c);
}

void tail_free(struct conversation *c)
{
	while (c->tail)
		tail_drop(c);
}

void conversation_follow(struct conversation *c, bool live)
{
	c->followers++;
	c->live += live;
}

void conversation_unfollow(struct conversation *c, bool live)
{
	c->followers--;
	c->live -= live;
	tail_trim(c);
}

bool conversation_live(const struct conversation *c)
{
	return c->live > 0;
}

int64_t conversation_committed(const struct conversation *c)
{
	return c->committed;
}

/* Does the tail begin early enough to hold all after `after`? */
static bool in_tail(const struct conversation *c, int64_t after)
{
	return c->tail && container_of(c->pending.next, struct kept, link)->ev.seq <= after + 1;
}

static void events_of_tail(struct conversation *c, int64_t after, int max, struct arena *mem,
    const struct event **out, int *n)
{
	struct event *events = arena_array(mem, struct event, c->tail);

	*n = 0;
	for (struct link *l = c->pending.next; l != &c->pending && *n < max; l = l->next) {
		const struct kept *k = container_of(l, struct kept, link);

		if (k->ev.seq <= after || k->ev.seq > c->committed)
			continue;
		events[*n] = k->ev;
		json_in(mem, json_incref(json_unconst(k->ev.data)));
		if (k->ev.turn)
			events[*n].turn = arena_strdup(mem, k->ev.turn);
		(*n)++;
	}
	*out = events;
}

int conversation_events(struct conversation *c, int64_t after, int max, struct arena *mem,
    const struct event **out, int *n, struct err *e)
{
	*n = 0;
	if (after >= c->committed)
		return 0;
	if (in_tail(c, after)) {
		events_of_tail(c, after, max, mem, out, n);
		return 0;
	}
	return rows_read_events(c->all->store, mem, c->id, after, max, out, n, e);
}

int conversation_wait(struct conversation *c, int64_t after, int64_t deadline, struct err *e)
{
	while (c->committed <= after) {
		if (c->broken) {
			*e = c->why;
			return -1;
		}
		if (signal_wait(&c->moved, deadline, e) < 0)
			return -1;
	}
	return 0;
}
