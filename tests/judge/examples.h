#ifndef TESTS_JUDGE_EXAMPLES_H
#define TESTS_JUDGE_EXAMPLES_H

#include "base/arena.h"
#include "base/mem.h"
#include "judge/intents.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* What the tests of judge/ learn from and are asked: the demo shop's intents.yaml, and files of
 * lines "labels<TAB>text" in which - and oos stand for no intent and # begins a comment. */

struct examples {
	struct intent_example *at;
	size_t n, room;
};

static inline void examples_add(struct examples *x, const char *intent, const char *text)
{
	if (x->n == x->room) {
		x->room = x->room ? 2 * x->room : 256;
		x->at = mem_resize(x->at, x->room * sizeof(*x->at));
	}
	x->at[x->n++] = (struct intent_example){ intent, text };
}

static inline bool examples_from_tsv(struct arena *mem, struct examples *x, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		char *tab = strchr(line, '\t');

		if (*line == '#' || !tab)
			continue;
		*tab = '\0';
		tab[1 + strcspn(tab + 1, "\r\n")] = '\0';
		examples_add(x,
		    strcmp(line, "-") == 0 || strcmp(line, "oos") == 0 ? NULL
								       : arena_strdup(mem, line),
		    arena_strdup(mem, tab + 1));
	}
	fclose(f);
	return true;
}

static inline const char *examples_scalar(struct arena *mem, yaml_node_t *node)
{
	return arena_strndup(mem, (const char *)node->data.scalar.value, node->data.scalar.length);
}

static inline yaml_node_t *examples_member(yaml_document_t *d, yaml_node_t *map, const char *key)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++)
		if (strcmp((char *)yaml_document_get_node(d, p->key)->data.scalar.value, key) == 0)
			return yaml_document_get_node(d, p->value);
	return NULL;
}

static inline void examples_add_list(struct arena *mem, struct examples *x, const char *intent,
    yaml_document_t *d, yaml_node_t *list)
{
	for (yaml_node_item_t *i = list->data.sequence.items.start;
	     i < list->data.sequence.items.top; i++)
		examples_add(x, intent, examples_scalar(mem, yaml_document_get_node(d, *i)));
}

static inline bool examples_from_yaml(struct arena *mem, struct examples *x, const char *path)
{
	FILE *f = fopen(path, "r");
	yaml_parser_t parser;
	yaml_document_t d;
	yaml_node_t *root, *intents;

	if (!f)
		return false;
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_file(&parser, f);
	if (!yaml_parser_load(&parser, &d))
		return false;
	root = yaml_document_get_root_node(&d);
	intents = examples_member(&d, root, "intents");
	for (yaml_node_pair_t *p = intents->data.mapping.pairs.start;
	     p < intents->data.mapping.pairs.top; p++)
		examples_add_list(mem, x, examples_scalar(mem, yaml_document_get_node(&d, p->key)),
		    &d, examples_member(&d, yaml_document_get_node(&d, p->value), "examples"));
	examples_add_list(mem, x, NULL, &d, examples_member(&d, root, "none"));
	yaml_document_delete(&d);
	yaml_parser_delete(&parser);
	fclose(f);
	return true;
}

/* Are these the intents of "a|b" (NULL: none), in any order? */
static inline bool examples_same(const char *labels, const struct intent *got, int n)
{
	int wanted = 0, there = 0;

	for (const char *s = labels; s && *s; wanted++) {
		const size_t len = strcspn(s, "|");

		for (int i = 0; i < n; i++)
			there += strlen(got[i].name) == len && strncmp(got[i].name, s, len) == 0;
		s += len + (s[len] == '|');
	}
	return wanted == n && there == n;
}

#endif
