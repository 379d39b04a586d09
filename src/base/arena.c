#include "base/arena.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/sanitize.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 4000 /* with malloc's own header still within one page */

/* Blocks that a thread keeps for its next arena; none where a tool watches what is freed. */
#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define SPARE_MAX 0
#else
#define SPARE_MAX 64
#endif

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *);
	void *arg;
};

struct arena {
	struct block *blocks; /* the first one is where small things go */
	struct cleanup *cleanups;
};

static _Thread_local struct {
	struct block *blocks;
	int n;
} spare;

struct arena *arena_new(void)
{
	return mem_new(struct arena);
}

static struct block *block_new(size_t room)
{
	struct block *b = room == BLOCK_SIZE ? spare.blocks : NULL;

	if (b) {
		spare.blocks = b->next;
		spare.n--;
	} else {
		b = mem_resize(NULL, sizeof(*b) + room);
	}
	*b = (struct block){ .size = room };
	return b;
}

static void block_free(struct block *b)
{
	if (b->size != BLOCK_SIZE || spare.n >= SPARE_MAX) {
		free(b);
		return;
	}
	b->next = spare.blocks;
	spare.blocks = b;
	spare.n++;
}

void arena_thread_ends(void)
{
	while (spare.blocks) {
		struct block *b = spare.blocks;

		spare.blocks = b->next;
		free(b);
	}
	spare.n = 0;
}

static void add_block(struct arena *a, size_t n)
{
	struct block *b = block_new(n > BLOCK_SIZE ? n : BLOCK_SIZE);

	if (n > BLOCK_SIZE / 2 && a->blocks) { /* big: keep filling the current block */
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
}

static struct block *block_for(struct arena *a, size_t n)
{
	struct block *b = a->blocks;

	if (b && b->size - b->used >= n)
		return b;
	add_block(a, n);
	b = a->blocks;
	return b->size - b->used >= n ? b : b->next;
}

/* Not zeroed. */
static void *take(struct arena *a, size_t n)
{
	const size_t mask = sizeof(max_align_t) - 1;
	struct block *b;

	if (n > SIZE_MAX / 2)
		bug("arena_alloc of %zu bytes", n);
	n = (n + mask) & ~mask;
	b = block_for(a, n);
	b->used += n;
	return b->bytes + b->used - n;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return memset(take(a, n), 0, n);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
	char *copy = take(a, n + 1);

	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	return arena_memdup(a, s, strnlen(s, n));
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char here[256], *s;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(here, sizeof(here), fmt, ap);
	if (n < 0)
		bug("bad format \"%s\"", fmt);
	if ((size_t)n < sizeof(here)) {
		s = arena_memdup(a, here, (size_t)n);
	} else {
		s = take(a, (size_t)n + 1);
		vsnprintf(s, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
	struct cleanup *c = arena_new_of(a, struct cleanup);

	*c = (struct cleanup){ .next = a->cleanups, .fn = fn, .arg = arg };
	a->cleanups = c;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct cleanup *c = a->cleanups; c; c = c->next)
		c->fn(c->arg);
	while (a->blocks) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		block_free(b);
	}
	free(a);
}
