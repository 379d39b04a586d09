#include "fiber/stack.h"

#include "base/mem.h"
#include "base/sanitize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define STACK_SIZE (256UL * 1024)
#else
#define STACK_SIZE (64UL * 1024)
#endif
#define GUARD_SIZE STACK_SIZE
#define KEPT_MAX   512          /* stacks in the cache */
#define KEPT_WHOLE 256          /* of these, so many as they are: a busy moment takes them again */
#define KEPT_SIZE  (8UL * 1024) /* and of the others what nearly every fiber touches */

#define MAPS_DEFAULT 65530
#define MAPS_OTHERS  8192 /* of libraries, malloc and files */

/* Memory that cannot be had ends the process, as in base/mem.h. */
static _Noreturn void no_stack(const char *what)
{
	fprintf(stderr,
	    "frontdesk: no memory for the stack of a fiber: %s: %s "
	    "(with many fibers, vm.max_map_count may be too small)\n",
	    what, strerror(errno));
	_Exit(70);
}

static struct stack map(void)
{
	struct stack s = { .size = STACK_SIZE };
	char *p = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (p == MAP_FAILED)
		no_stack("mmap");
	if (mprotect(p, GUARD_SIZE, PROT_NONE) < 0)
		no_stack("mprotect");
	s.low = p + GUARD_SIZE;
	s.valgrind = VALGRIND_STACK_REGISTER(s.low, s.low + s.size);
	return s;
}

static void unmap(struct stack s)
{
	VALGRIND_STACK_DEREGISTER(s.valgrind);
	munmap(s.low - GUARD_SIZE, GUARD_SIZE + s.size);
}

struct stack stack_take(struct stack_cache *c)
{
	return c->n > 0 ? c->kept[--c->n] : map();
}

static void trim(struct stack *s)
{
	if (!s->trimmed)
		madvise(s->low, s->size - KEPT_SIZE, MADV_DONTNEED);
	s->trimmed = true;
}

void stack_give(struct stack_cache *c, struct stack s)
{
#ifdef WITH_ASAN
	/* the frames of the fiber that ended left their red zones behind */
	__asan_unpoison_memory_region(s.low, s.size);
#endif
	if (c->n == KEPT_MAX) {
		unmap(s);
		return;
	}
	if (!c->kept)
		c->kept = mem_alloc(KEPT_MAX * sizeof(*c->kept));
	s.trimmed = false;
	c->kept[c->n++] = s;
	if (c->n > KEPT_WHOLE) /* last in, first out: this one rests */
		trim(&c->kept[c->n - 1 - KEPT_WHOLE]);
}

int stack_most(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	int maps = MAPS_DEFAULT;

	if (f && fscanf(f, "%d", &maps) != 1)
		maps = MAPS_DEFAULT;
	if (f)
		fclose(f);
	return maps > 2 * MAPS_OTHERS ? (maps - MAPS_OTHERS) / 2 : maps / 4;
}

void stack_cache_done(struct stack_cache *c)
{
	while (c->n > 0)
		unmap(c->kept[--c->n]);
	free(c->kept);
	c->kept = NULL;
}
