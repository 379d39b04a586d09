#ifndef TESTS_TOOL_YAML_H
#define TESTS_TOOL_YAML_H

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A YAML file as JSON, as far as the tests of this folder need it: a file that is right.  The
 * configuration has a reader of its own that also says what is wrong. */

static inline json_t *yaml_node(yaml_document_t *doc, int id);

static inline json_t *yaml_scalar(const yaml_node_t *n)
{
	const char *s = (const char *)n->data.scalar.value;
	char *end;
	long long i = strtoll(s, &end, 10);

	if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_stringn(s, n->data.scalar.length);
	if (*s && !*end)
		return json_integer(i);
	if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0)
		return json_boolean(*s == 't');
	return *s ? json_string(s) : json_null();
}

static inline json_t *yaml_node(yaml_document_t *doc, int id)
{
	const yaml_node_t *n = yaml_document_get_node(doc, id);
	json_t *out;

	if (n->type == YAML_SCALAR_NODE)
		return yaml_scalar(n);
	if (n->type == YAML_SEQUENCE_NODE) {
		out = json_array();
		for (int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
			json_array_append_new(out, yaml_node(doc, *i));
		return out;
	}
	out = json_object();
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);

		json_object_set_new(
		    out, (const char *)key->data.scalar.value, yaml_node(doc, p->value));
	}
	return out;
}

/* NULL: there is no such file, or it is no YAML. */
static inline json_t *yaml_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	yaml_parser_t parser;
	yaml_document_t doc;
	json_t *out = NULL;

	if (!f)
		return NULL;
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_file(&parser, f);
	if (yaml_parser_load(&parser, &doc)) {
		if (yaml_document_get_root_node(&doc))
			out = yaml_node(&doc, 1);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	fclose(f);
	return out;
}

#endif
