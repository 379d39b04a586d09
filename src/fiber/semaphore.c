#include "fiber/fiber.h"

/* A place that becomes free goes straight to the one that waits longest, without being counted
 * as free in between; so nobody who comes later can slip in. */

void semaphore_init(struct semaphore *s, int count)
{
	s->free = count;
	signal_init(&s->freed);
}

int semaphore_take(struct semaphore *s, int64_t deadline, struct err *e)
{
	if (s->free == 0)
		return signal_wait(&s->freed, deadline, e);
	if (fiber_check(e) < 0)
		return -1;
	s->free--;
	return 0;
}

void semaphore_give(struct semaphore *s)
{
	if (list_empty(&s->freed.waiting))
		s->free++;
	else
		signal_wake_one(&s->freed);
}
