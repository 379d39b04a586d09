#include "base/buf.h"
#include "base/text.h"
#include "tool/http_tool.h"

/* query, headers, form and body of an http entry: texts with names in them. */

/* Numbers, true and false are texts here. */
static const char *text_of(struct arena *mem, const json_t *v)
{
	return json_is_string(v) ? json_string_value(v) : json_text(mem, v);
}

int http_read_pairs(
    struct http_making *m, const char *pointer, const json_t *from, struct http_pairs *out)
{
	struct arena *mem = m->tool->mem;
	const char *name;
	json_t *v;

	out->list = arena_array(mem, struct http_pair, json_object_size(from));
	json_object_foreach (json_unconst(from), name, v) {
		struct http_pair *p = &out->list[out->n++];

		p->name = arena_strdup(mem, name);
		if (http_compile(m, json_below(mem, pointer, name), text_of(mem, v), &p->value) < 0)
			return -1;
		http_keep_secrets(m, &p->value);
	}
	return 0;
}

static int read_node(
    struct http_making *m, const char *pointer, json_t *from, struct http_node *out);

static int read_object(
    struct http_making *m, const char *pointer, json_t *from, struct http_node *out)
{
	struct arena *mem = m->tool->mem;
	const char *name;
	json_t *v;

	out->kind = HTTP_OBJECT;
	out->items = arena_array(mem, struct http_node, json_object_size(from));
	json_object_foreach (from, name, v) {
		struct http_node *item = &out->items[out->n++];

		item->name = arena_strdup(mem, name);
		if (read_node(m, json_below(mem, pointer, name), v, item) < 0)
			return -1;
	}
	return 0;
}

static int read_list(
    struct http_making *m, const char *pointer, json_t *from, struct http_node *out)
{
	struct arena *mem = m->tool->mem;
	json_t *v;
	size_t i;

	out->kind = HTTP_LIST;
	out->items = arena_array(mem, struct http_node, json_array_size(from));
	json_array_foreach (from, i, v) {
		if (read_node(
			m, arena_printf(mem, "%s/%zu", pointer, i), v, &out->items[out->n++]) < 0)
			return -1;
	}
	return 0;
}

/* As deep as the file may be. */
static int read_node(
    struct http_making *m, const char *pointer, json_t *from, struct http_node *out)
{
	if (json_is_object(from))
		return read_object(m, pointer, from, out);
	if (json_is_array(from))
		return read_list(m, pointer, from, out);
	if (!json_is_string(from)) {
		out->kind = HTTP_PLAIN;
		out->plain = json_in(m->tool->mem, json_incref(from));
		return 0;
	}
	out->kind = HTTP_STRING;
	if (http_compile(m, pointer, json_string_value(from), &out->text) < 0)
		return -1;
	http_keep_secrets(m, &out->text);
	return 0;
}

int http_read_body(struct http_making *m, const json_t *from)
{
	struct http_node *body;

	if (!from)
		return 0;
	body = arena_new_of(m->tool->mem, struct http_node);
	m->tool->body = body;
	return read_node(m, "/body", json_unconst(from), body);
}
