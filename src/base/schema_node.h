#ifndef BASE_SCHEMA_NODE_H
#define BASE_SCHEMA_NODE_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/arena.h"
#include "base/json.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>

/* What schema_compile.c and schema_link.c make and schema_check.c reads: each schema of a
 * definition as one node.
 *
 * Nothing here is looked at from outside of the three.  Nodes point at each other freely ($ref may
 * go back up), so a definition is a graph; what applies to the same value (ref, the four
 * combinations) forms no circle, and no chain of it is longer than NODE_CHAIN_MAX. */

#define NODE_CHAIN_MAX 24

enum {
	TYPE_NULL = 1,
	TYPE_BOOLEAN = 2,
	TYPE_OBJECT = 4,
	TYPE_ARRAY = 8,
	TYPE_NUMBER = 16,
	TYPE_STRING = 32,
	TYPE_INTEGER = 64, /* a number without a fraction is both */
};

struct node_list {
	struct node **at;
	int n;
};

struct property {
	const char *name;
	struct node *node;
};

struct pattern {
	const char *text;
	pcre2_code *code;
	struct node *node; /* patternProperties: what members of such a name must be */
};

struct count_range {
	int64_t min, max;
};

struct node {
	const json_t *def;
	bool never;                         /* the schema false */
	unsigned types;                     /* TYPE_*; 0: any */
	const json_t *constant, *any_value; /* any_value: the list of enum */
	struct node *ref;
	struct node_list any_of, one_of, all_of;
	struct node *negated;

	struct property *properties; /* sorted by name */
	int nproperties;
	struct pattern *patterns;
	int npatterns;
	struct node *additional, *names;
	const json_t *required;
	struct count_range members;

	struct node_list prefix;
	struct node *items;
	struct count_range length;
	bool unique;

	struct count_range characters;
	struct pattern *pattern;

	const json_t *minimum, *maximum, *above, *below, *multiple_of;

	int chain; /* how many nodes, this one included, look at one value; 0: not known yet */
	struct node *next;
};

struct schema {
	struct arena *mem;
	struct node *root;
	struct node *nodes; /* all of them */
};

/* Follows every $ref, and refuses circles.  Call it when the rest is in order. */
void schema_link(struct schema *s, const json_t *definition,
    void (*mistake)(void *arg, const char *message), void *arg);

/* "string", "integer or null": the names of a set of types. */
const char *type_names(unsigned types, char *out, size_t size);
unsigned types_of(const json_t *v);

/* Values as the standard compares them: 1 and 1.0 are equal, the order of members is none. */
bool value_same(const json_t *a, const json_t *b);
uint64_t value_hash(const json_t *v); /* equal values have equal hashes */
int number_compare(const json_t *a, const json_t *b);
bool number_divides(const json_t *divisor, const json_t *v);

#endif
