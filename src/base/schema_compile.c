/* From a definition to nodes: one row a keyword, then the references.
 *
 * This pass makes a node of each schema and leaves $ref open; schema_link.c follows them. */
#include "base/schema.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/schema_node.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_LONGEST 2000

struct compile {
	struct schema *schema;
	struct buf path;
	int depth;
	int mistakes;
	bool stop;
	schema_mistake_fn *fn;
	void *arg;
	pcre2_compile_context *limits;
};

struct keyword {
	const char *name;
	void (*read)(
	    struct compile *c, struct node *n, const struct keyword *k, const json_t *value);
	size_t at; /* offset of the member of struct node, where one reader serves several */
};

static void mistake(struct compile *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void mistake(struct compile *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	c->mistakes++;
	if (c->stop)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->fn(c->arg, buf_str(&c->path), text))
		c->stop = true;
}

static size_t path_push(struct buf *path, const char *name)
{
	size_t before = path->len;

	buf_add(path, "/", 1);
	for (; *name; name++)
		if (*name == '~')
			buf_add(path, "~0", 2);
		else if (*name == '/')
			buf_add(path, "~1", 2);
		else
			buf_add(path, name, 1);
	return before;
}

static size_t path_push_index(struct buf *path, size_t i)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%zu", i);
	return path_push(path, digits);
}

static void path_pop(struct buf *path, size_t before)
{
	path->len = before;
	path->data[before] = '\0';
}

static struct node *compile_node(struct compile *c, const json_t *def);

static struct node *compile_at(struct compile *c, const char *name, const json_t *def)
{
	size_t before = path_push(&c->path, name);
	struct node *n = compile_node(c, def);

	path_pop(&c->path, before);
	return n;
}

static void read_over(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	(void)c, (void)n, (void)k, (void)value;
}

static void read_dialect(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const char *s = json_string_value(value);

	(void)n, (void)k;
	if (!s || (!strstr(s, "json-schema.org/draft/2020-12/schema") &&
		      !strstr(s, "json-schema.org/draft-07/schema")))
		mistake(c, "only draft 2020-12 and draft-07 are understood");
}

static unsigned type_named(const char *name)
{
	static const char *const names[] = { "null", "boolean", "object", "array", "number",
		"string", "integer" };

	for (size_t i = 0; name && i < array_len(names); i++)
		if (!strcmp(name, names[i]))
			return 1u << i;
	return 0;
}

static void add_type(struct compile *c, struct node *n, const json_t *value)
{
	unsigned type = type_named(json_string_value(value));

	if (!type)
		mistake(c, "expected one of object, array, string, integer, number, boolean, null");
	n->types |= type;
}

static void read_type(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	(void)k;
	if (!json_is_array(value)) {
		add_type(c, n, value);
		return;
	}
	if (!json_array_size(value))
		mistake(c, "expected at least one type");
	for (size_t i = 0; i < json_array_size(value); i++) {
		size_t before = path_push_index(&c->path, i);

		add_type(c, n, json_array_get(value, i));
		path_pop(&c->path, before);
	}
}

static void read_constant(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	(void)c, (void)k;
	n->constant = value;
}

static void read_enum(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	(void)k;
	if (!json_is_array(value) || !json_array_size(value))
		mistake(c, "expected a list of the values that are allowed");
	else
		n->any_value = value;
}

static void read_count(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	int64_t *count = (int64_t *)(void *)((char *)n + k->at);

	if (!json_is_number(value) || !(types_of(value) & TYPE_INTEGER) ||
	    json_number_value(value) < 0 || json_number_value(value) > 9e15)
		mistake(c, "expected a count, a whole number of 0 or more");
	else
		*count = (int64_t)json_number_value(value);
}

static void read_number(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const json_t **number = (const json_t **)(void *)((char *)n + k->at);

	if (!json_is_number(value))
		mistake(c, "expected a number");
	else if (k->at == offsetof(struct node, multiple_of) && !(json_number_value(value) > 0))
		mistake(c, "expected a number above 0");
	else
		*number = value;
}

static void read_unique(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	(void)k;
	if (!json_is_boolean(value))
		mistake(c, "expected true or false");
	n->unique = json_is_true(value);
}

static void read_schema(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	struct node **child = (struct node **)(void *)((char *)n + k->at);

	*child = compile_node(c, value);
}

static void read_schemas(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	struct node_list *list = (struct node_list *)(void *)((char *)n + k->at);

	if (!json_is_array(value) || !json_array_size(value)) {
		mistake(c, "expected a list of schemas");
		return;
	}
	list->n = (int)json_array_size(value);
	list->at = arena_array(c->schema->mem, struct node *, list->n);
	for (int i = 0; i < list->n; i++) {
		size_t before = path_push_index(&c->path, (size_t)i);

		list->at[i] = compile_node(c, json_array_get(value, (size_t)i));
		path_pop(&c->path, before);
	}
}

static bool is_map(struct compile *c, const json_t *value)
{
	if (json_is_object(value))
		return true;
	mistake(c, "expected an object of schemas");
	return false;
}

static void read_definitions(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const char *name;
	json_t *def;

	(void)n, (void)k;
	if (is_map(c, value))
		json_object_foreach (json_unconst(value), name, def) {
			compile_at(c, name, def);
		}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct property *)a)->name, ((const struct property *)b)->name);
}

static void read_properties(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const char *name;
	json_t *def;

	(void)k;
	if (!is_map(c, value))
		return;
	n->properties = arena_array(c->schema->mem, struct property, json_object_size(value));
	json_object_foreach (json_unconst(value), name, def) {
		n->properties[n->nproperties++] =
		    (struct property){ name, compile_at(c, name, def) };
	}
	if (n->nproperties)
		qsort(n->properties, (size_t)n->nproperties, sizeof(*n->properties), by_name);
}

static void free_code(void *code)
{
	pcre2_code_free(code);
}

/* ECMAScript's reading where PCRE2 lets us choose: $ is the very end, \u00e9 is a character. */
static struct pattern compile_pattern(struct compile *c, const char *text)
{
	struct pattern p = { .text = text };
	PCRE2_UCHAR why[200];
	PCRE2_SIZE at;
	int code;

	if (strlen(text) > PATTERN_LONGEST) {
		mistake(c, "a pattern may have at most %d bytes", PATTERN_LONGEST);
		return p;
	}
	p.code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
		PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
	    &code, &at, c->limits);
	if (p.code) {
		arena_defer(c->schema->mem, free_code, p.code);
		return p;
	}
	pcre2_get_error_message(code, why, sizeof(why));
	mistake(c, "bad pattern at character %zu: %s", (size_t)at + 1, (const char *)why);
	return p;
}

static void read_pattern(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const char *text = json_string_value(value);

	(void)k;
	if (!text || strlen(text) != json_string_length(value)) {
		mistake(c, "expected a pattern, a string");
		return;
	}
	n->pattern = arena_new_of(c->schema->mem, struct pattern);
	*n->pattern = compile_pattern(c, text);
}

static void read_pattern_properties(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const char *text;
	json_t *def;

	(void)k;
	if (!is_map(c, value))
		return;
	n->patterns = arena_array(c->schema->mem, struct pattern, json_object_size(value));
	json_object_foreach (json_unconst(value), text, def) {
		size_t before = path_push(&c->path, text);
		struct pattern *p = &n->patterns[n->npatterns++];

		*p = compile_pattern(c, text);
		p->node = compile_node(c, def);
		path_pop(&c->path, before);
	}
}

static void read_required(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	bool strings = json_is_array(value);

	(void)k;
	for (size_t i = 0; strings && i < json_array_size(value); i++)
		strings = json_is_string(json_array_get(value, i));
	if (!strings)
		mistake(c, "expected a list of names");
	else
		n->required = value;
}

static void read_ref(
    struct compile *c, struct node *n, const struct keyword *k, const json_t *value)
{
	const char *s = json_string_value(value);

	(void)n, (void)k;
	if (!s || s[0] != '#' || (s[1] && s[1] != '/'))
		mistake(c, "only a reference within the schema is followed, as \"#/$defs/name\"");
}

/* To add a keyword: a row, its member in struct node, and a line in schema_check.c. */
/* clang-format off */
#define AT(member) offsetof(struct node, member)
static const struct keyword keywords[] = {
	{ "$comment",             read_over,               0 },
	{ "$defs",                read_definitions,        0 },
	{ "$ref",                 read_ref,                0 },
	{ "$schema",              read_dialect,            0 },
	{ "additionalProperties", read_schema,             AT(additional) },
	{ "allOf",                read_schemas,            AT(all_of) },
	{ "anyOf",                read_schemas,            AT(any_of) },
	{ "const",                read_constant,           0 },
	{ "default",              read_over,               0 },
	{ "deprecated",           read_over,               0 },
	{ "description",          read_over,               0 },
	{ "enum",                 read_enum,               0 },
	{ "examples",             read_over,               0 },
	{ "exclusiveMaximum",     read_number,             AT(below) },
	{ "exclusiveMinimum",     read_number,             AT(above) },
	{ "format",               read_over,               0 },
	{ "items",                read_schema,             AT(items) },
	{ "maxItems",             read_count,              AT(length.max) },
	{ "maxLength",            read_count,              AT(characters.max) },
	{ "maxProperties",        read_count,              AT(members.max) },
	{ "maximum",              read_number,             AT(maximum) },
	{ "minItems",             read_count,              AT(length.min) },
	{ "minLength",            read_count,              AT(characters.min) },
	{ "minProperties",        read_count,              AT(members.min) },
	{ "minimum",              read_number,             AT(minimum) },
	{ "multipleOf",           read_number,             AT(multiple_of) },
	{ "not",                  read_schema,             AT(negated) },
	{ "oneOf",                read_schemas,            AT(one_of) },
	{ "pattern",              read_pattern,            0 },
	{ "patternProperties",    read_pattern_properties, 0 },
	{ "prefixItems",          read_schemas,            AT(prefix) },
	{ "properties",           read_properties,         0 },
	{ "propertyNames",        read_schema,             AT(names) },
	{ "readOnly",             read_over,               0 },
	{ "required",             read_required,           0 },
	{ "title",                read_over,               0 },
	{ "type",                 read_type,               0 },
	{ "uniqueItems",          read_unique,             0 },
	{ "writeOnly",            read_over,               0 },
};
/* clang-format on */

static int keyword_order(const void *name, const void *row)
{
	return strcmp(name, ((const struct keyword *)row)->name);
}

static void read_keyword(struct compile *c, struct node *n, const char *name, const json_t *value)
{
	const struct keyword *k =
	    bsearch(name, keywords, array_len(keywords), sizeof(*keywords), keyword_order);
	size_t before = path_push(&c->path, name);

	if (k)
		k->read(c, n, k, value);
	else
		mistake(c, "this keyword of JSON Schema is not supported");
	path_pop(&c->path, before);
}

static struct node *compile_node(struct compile *c, const json_t *def)
{
	struct node *n = arena_new_of(c->schema->mem, struct node);
	const char *name;
	json_t *value;

	n->def = def;
	n->members.max = n->length.max = n->characters.max = INT64_MAX;
	n->next = c->schema->nodes;
	c->schema->nodes = n;
	if (json_is_boolean(def)) {
		n->never = json_is_false(def);
		return n;
	}
	if (!json_is_object(def)) {
		mistake(c, "expected a schema: an object, true or false");
		return n;
	}
	if (c->depth == JSON_DEPTH_MAX) {
		mistake(c, "nested deeper than %d levels", JSON_DEPTH_MAX);
		return n;
	}
	c->depth++;
	json_object_foreach (json_unconst(def), name, value) {
		read_keyword(c, n, name, value);
	}
	c->depth--;
	return n;
}

static void link_mistake(void *arg, const char *message)
{
	mistake(arg, "%s", message);
}

struct schema *schema_compile_all(const json_t *definition, schema_mistake_fn *fn, void *arg)
{
	struct schema *s = mem_new(struct schema);
	struct compile c = { .schema = s, .fn = fn, .arg = arg };

	s->mem = arena_new();
	json_in(s->mem, json_incref(json_unconst(definition)));
	c.limits = pcre2_compile_context_create(NULL);
	pcre2_set_parens_nest_limit(c.limits, 32);
	s->root = compile_node(&c, definition);
	if (!c.mistakes)
		schema_link(s, definition, link_mistake, &c);
	pcre2_compile_context_free(c.limits);
	buf_done(&c.path);
	if (!c.mistakes)
		return s;
	schema_free(s);
	return NULL;
}

static int keep_first(void *arg, const char *pointer, const char *message)
{
	err_set(arg, ERR_INVALID, "%s%s%s", pointer, *pointer ? ": " : "", message);
	return 1;
}

struct schema *schema_compile(const json_t *definition, struct err *e)
{
	return schema_compile_all(definition, keep_first, e);
}

void schema_free(struct schema *s)
{
	if (!s)
		return;
	arena_free(s->mem);
	free(s);
}
