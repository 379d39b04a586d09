#include "base/json.h"

#include "base/mem.h"
#include "base/sanitize.h"

#include <stdlib.h>

/* Memory of JSON trees.
 *
 * A tree is some dozens of small pieces that are taken one after another and given back together;
 * malloc keeps seven of a size at hand and works hard for the rest.  Here each thread keeps what
 * was given back by size, and a piece says its size in front of itself. */

#define STEP     16
#define SIZES    16   /* up to 256 bytes with the head; larger ones are malloc's */
#define KEPT_MAX 2048 /* of each size */

/* A tool that watches what is freed sees each piece by itself. */
#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define WATCHED 1
#else
#define WATCHED 0
#endif

union piece {
	struct {
		size_t size; /* which of the sizes; SIZES: none of them */
	} head;
	union piece *next;
};

static _Thread_local struct {
	union piece *kept[SIZES];
	int n[SIZES];
} pieces;

static void *take(size_t n)
{
	size_t size = (n + sizeof(union piece) - 1) / STEP;
	union piece *p = size < SIZES ? pieces.kept[size] : NULL;

	if (p) {
		pieces.kept[size] = p->next;
		pieces.n[size]--;
	} else {
		p = mem_resize(NULL, size < SIZES ? (size + 1) * STEP : n + sizeof(union piece));
	}
	p->head.size = size < SIZES ? size : SIZES;
	return p + 1;
}

static void give(void *at)
{
	union piece *p = (union piece *)at - 1;
	size_t size;

	if (!at)
		return;
	size = p->head.size;
	if (size == SIZES || pieces.n[size] == KEPT_MAX) {
		free(p);
		return;
	}
	p->next = pieces.kept[size];
	pieces.kept[size] = p;
	pieces.n[size]++;
}

void json_memory(void)
{
	if (!WATCHED)
		json_set_alloc_funcs(take, give);
}
