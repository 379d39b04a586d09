#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A ring of links inside the things it holds: nothing is allocated, taking a link
 * out needs no search, and taking out one that is in no list does nothing.  A list
 * is a link of its own, list_init()ed; container_of (base/mem.h) finds the thing. */

struct link {
	struct link *prev, *next;
};

static inline void list_init(struct link *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct link *l)
{
	return l->next == l;
}

static inline void list_out(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/* Put l before `at`: list_before(list, l) appends, list_before(list->next, l) prepends. */
static inline void list_before(struct link *at, struct link *l)
{
	l->prev = at->prev;
	l->next = at;
	at->prev->next = l;
	at->prev = l;
}

static inline void list_append(struct link *list, struct link *l)
{
	list_before(list, l);
}

#endif
