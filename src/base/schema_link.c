/* From nodes with open references to a graph without circles.
 *
 * Each target is found by walking the reference's pointer through the definition; what it reaches
 * must be one of the schemas that were compiled, so a reference into an enum or a default is a
 * mistake.  Then no chain of nodes that look at the same value may close or be long: a check would
 * not end, or not fit its stack. */
#include "base/buf.h"
#include "base/schema_node.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(n) #n
#define TEXT(n)    TEXT_OF(n)
#define DEEP       TEXT(NODE_CHAIN_MAX)

struct linking {
	struct schema *schema;
	const json_t *definition;
	int mistakes;
	void (*mistake)(void *arg, const char *message);
	void *arg;
};

/* The next name of a pointer, from behind its "/": ~1 is /, ~0 is ~, %25 as in any URI.  Returns
 * what follows it, or NULL when it is not well formed. */
static const char *pointer_name(const char *s, struct buf *name)
{
	buf_clear(name);
	for (; *s && *s != '/'; s++) {
		char ch = *s;

		if (ch == '%') {
			if (!isxdigit((unsigned char)s[1]) || !isxdigit((unsigned char)s[2]))
				return NULL;
			ch = (char)strtoul((char[]){ s[1], s[2], '\0' }, NULL, 16);
			s += 2;
		}
		if (ch == '~') {
			if (s[1] != '0' && s[1] != '1')
				return NULL;
			ch = *++s == '1' ? '/' : '~';
		}
		buf_add(name, &ch, 1);
	}
	return s;
}

static const json_t *child(const json_t *at, const struct buf *name)
{
	const char *s = buf_str(name);

	if (json_is_object(at))
		return json_object_getn(at, s, name->len);
	if (!name->len || name->len > 8 || strspn(s, "0123456789") != name->len)
		return NULL;
	return json_array_get(at, strtoul(s, NULL, 10)); /* NULL where `at` is no list */
}

static const json_t *follow(const json_t *at, const char *pointer)
{
	struct buf name = { 0 };

	while (at && *pointer == '/') {
		pointer = pointer_name(pointer + 1, &name);
		if (!pointer)
			break;
		at = child(at, &name);
	}
	buf_done(&name);
	return pointer ? at : NULL;
}

static int by_definition(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)(*(struct node *const *)a)->def;
	uintptr_t y = (uintptr_t)(*(struct node *const *)b)->def;

	return (x > y) - (x < y);
}

static void resolve(struct linking *c, struct node *n, struct node **sorted, size_t count)
{
	const char *ref = json_str(n->def, "$ref");
	struct node wanted, *key = &wanted, **found = NULL;

	if (!ref)
		return;
	wanted.def = follow(c->definition, ref + 1);
	if (wanted.def)
		found = bsearch(&key, sorted, count, sizeof(*sorted), by_definition);
	if (!found)
		c->mistake(c->arg, arena_printf(c->schema->mem,
				       "$ref \"%.200s\" leads to no schema in here", ref));
	else
		n->ref = *found;
	c->mistakes += !found;
}

static void resolve_all(struct linking *c)
{
	size_t count = 0, i = 0;
	struct node **sorted;

	for (struct node *n = c->schema->nodes; n; n = n->next)
		count++;
	sorted = arena_array(c->schema->mem, struct node *, count);
	for (struct node *n = c->schema->nodes; n; n = n->next)
		sorted[i++] = n;
	qsort(sorted, count, sizeof(*sorted), by_definition);
	for (struct node *n = c->schema->nodes; n; n = n->next)
		resolve(c, n, sorted, count);
}

static int chain_of(struct node *n, int depth);

static int longest(struct node *const *at, int n, int depth, int so_far)
{
	for (int i = 0; i < n && so_far >= 0; i++) {
		int chain = at[i] ? chain_of(at[i], depth + 1) : 0;

		so_far = chain < 0 ? -1 : chain > so_far ? chain : so_far;
	}
	return so_far;
}

/* How many nodes look at one value, or -1: a circle, or more than NODE_CHAIN_MAX. */
static int chain_of(struct node *n, int depth)
{
	int below;

	if (n->chain)
		return n->chain;
	if (depth >= NODE_CHAIN_MAX)
		return -1;
	below = longest(&n->ref, 1, depth, 0);
	below = longest(&n->negated, 1, depth, below);
	below = longest(n->any_of.at, n->any_of.n, depth, below);
	below = longest(n->one_of.at, n->one_of.n, depth, below);
	below = longest(n->all_of.at, n->all_of.n, depth, below);
	n->chain = below < 0 || below >= NODE_CHAIN_MAX ? -1 : below + 1;
	return n->chain;
}

static void refuse_circles(struct linking *c)
{
	for (struct node *n = c->schema->nodes; n; n = n->next)
		if (chain_of(n, 0) < 0) {
			c->mistake(c->arg,
			    "references and combinations go round in a circle, or more than " DEEP
			    " deep without entering the value");
			return;
		}
}

void schema_link(struct schema *s, const json_t *definition,
    void (*mistake)(void *arg, const char *message), void *arg)
{
	struct linking c = { s, definition, 0, mistake, arg };

	resolve_all(&c);
	if (!c.mistakes)
		refuse_circles(&c);
}
