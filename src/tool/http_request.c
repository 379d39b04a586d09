#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "tool/http_tool.h"
#include "tool/names.h"

#include <string.h>

/* A request: the configured texts with the values of one call.
 *
 * Each place has its own way to write a value, and a value that the place cannot hold is refused
 * before anything is sent.  What is put in is not read again. */

#define OURS 3 /* fields that may stand behind those of the configuration */

enum place {
	IN_PATH,
	IN_URL_QUERY, /* the URL's own text is encoded already */
	IN_QUERY,
	IN_HEADER,
	IN_TEXT,
};

struct filling {
	const struct tool_call *call;
	struct tool_result *result;
	struct arena *mem;
	struct buf out;
	struct http_field *fields;
	int nfields;
};

size_t http_control(const char *s, size_t n)
{
	unsigned char c = n ? (unsigned char)*s : ' ';

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && n > 1 && (unsigned char)s[1] < 0xa0 ? 2 : 0;
}

bool http_has_control(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (http_control(s + i, n - i))
			return true;
	return false;
}

static int refuse(struct filling *f, const char *name, const char *why)
{
	tool_failed(f->result, f->mem, false, "%s %s", name, why);
	return -1;
}

void http_encode(struct buf *out, const char *s, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (size_t i = 0; i < n; i++)
		if (s[i] && strchr(plain, s[i]))
			buf_add(out, &s[i], 1);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)s[i]);
}

/* Encoded or not, some servers take a path apart behind the slashes in it. */
static bool leads_elsewhere(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/\\");

		if (n == 0 || (n <= 2 && strspn(s, ".") >= n))
			return true;
		if (!s[n])
			return false;
		s += n + 1;
	}
}

static int check_in_path(struct filling *f, const char *name, const char *s, size_t n)
{
	if (n == 0)
		return refuse(f, name, "is empty, and cannot be");
	if (http_has_control(s, n))
		return refuse(f, name, "has control characters, and cannot have any");
	if (leads_elsewhere(s))
		return refuse(f, name, "is not possible here: it would lead to another address");
	return 0;
}

static int add_text(struct filling *f, const char *name, const char *s, size_t n, enum place place)
{
	if (place == IN_PATH && check_in_path(f, name, s, n) < 0)
		return -1;
	if (place == IN_HEADER && http_has_control(s, n))
		return refuse(f, name, "has control characters, and cannot have any");
	if (place == IN_HEADER || place == IN_TEXT)
		buf_add(&f->out, s, n);
	else
		http_encode(&f->out, s, n);
	return 0;
}

/* NULL and null are no text. */
static int add_value(struct filling *f, const char *name, const json_t *v, enum place place)
{
	const char *s;

	if (json_is_object(v) || json_is_array(v))
		return refuse(
		    f, name, "is a list or an object, where only a text or a number can stand");
	if (!v || json_is_null(v))
		return add_text(f, name, "", 0, place);
	if (json_is_string(v))
		return add_text(f, name, json_string_value(v), json_string_length(v), place);
	s = json_text(f->mem, v);
	return add_text(f, name, s, strlen(s), place);
}

static int fill(struct filling *f, const struct http_template *t, enum place place)
{
	for (int i = 0; i < t->n; i++) {
		const struct http_part *p = &t->parts[i];
		const json_t *v;

		if (p->kind == HTTP_NAME) {
			if (names_value(f->call, p->text, &v, f->result) < 0 ||
			    add_value(f, p->text, v, place) < 0)
				return -1;
		} else if (place == IN_QUERY) {
			http_encode(&f->out, p->text, strlen(p->text));
		} else {
			buf_adds(&f->out, p->text);
		}
	}
	return 0;
}

/* 1: all that it is is an argument that was left out, or null. */
static int is_left_out(struct filling *f, const struct http_template *t)
{
	const char *name = http_template_alone(t);
	const json_t *v;

	if (!name)
		return 0;
	if (names_value(f->call, name, &v, f->result) < 0)
		return -1;
	return !v || json_is_null(v);
}

/* a=1&b=2 behind what is there. */
static int fill_pairs(struct filling *f, const struct http_pairs *pairs)
{
	for (int i = 0; i < pairs->n; i++) {
		const struct http_pair *p = &pairs->list[i];
		int out = is_left_out(f, &p->value);

		if (out < 0)
			return -1;
		if (out)
			continue;
		if (f->out.len && !strchr("?&", f->out.data[f->out.len - 1]))
			buf_adds(&f->out, "&");
		http_encode(&f->out, p->name, strlen(p->name));
		buf_adds(&f->out, "=");
		if (fill(f, &p->value, IN_QUERY) < 0)
			return -1;
	}
	return 0;
}

static int fill_url(struct filling *f, const struct http_tool *tool, const char **url)
{
	size_t origin = strlen(tool->origin), path;

	buf_clear(&f->out);
	buf_adds(&f->out, tool->origin);
	if (fill(f, &tool->path, IN_PATH) < 0)
		return -1;
	if (f->out.len == origin)
		buf_adds(&f->out, "/");
	path = f->out.len;
	buf_adds(&f->out, "?");
	if (fill(f, &tool->url_query, IN_URL_QUERY) < 0 || fill_pairs(f, &tool->query) < 0)
		return -1;
	*url = arena_strndup(f->mem, f->out.data, f->out.len == path + 1 ? path : f->out.len);
	return 0;
}

/* The body. */

/* *out: a new reference, or NULL when it is left out. */
static int node_value(struct filling *f, const struct http_node *node, json_t **out);

static int string_value(struct filling *f, const struct http_template *t, json_t **out)
{
	const char *name = http_template_alone(t);
	const json_t *v;

	if (name) {
		if (names_value(f->call, name, &v, f->result) < 0)
			return -1;
		*out = json_incref(json_unconst(v));
		return 0;
	}
	buf_clear(&f->out);
	if (fill(f, t, IN_TEXT) < 0)
		return -1;
	*out = json_stringn(buf_str(&f->out), f->out.len);
	return 0;
}

static int items_value(struct filling *f, const struct http_node *node, json_t **out)
{
	*out = node->kind == HTTP_OBJECT ? json_object() : json_array();
	for (int i = 0; i < node->n; i++) {
		json_t *v = NULL;

		if (node_value(f, &node->items[i], &v) < 0) {
			json_decref(*out);
			return -1;
		}
		if (v && node->kind == HTTP_OBJECT)
			json_object_set_new(*out, node->items[i].name, v);
		else if (v)
			json_array_append_new(*out, v);
	}
	return 0;
}

static int node_value(struct filling *f, const struct http_node *node, json_t **out)
{
	switch (node->kind) {
	case HTTP_PLAIN: *out = json_incref(node->plain); return 0;
	case HTTP_STRING: return string_value(f, &node->text, out);
	case HTTP_OBJECT:
	case HTTP_LIST: break;
	}
	return items_value(f, node, out);
}

static void set_body(struct filling *f, struct http_request *r, const char *s, size_t n)
{
	struct http_piece *piece = arena_new_of(f->mem, struct http_piece);

	*piece = (struct http_piece){ arena_memdup(f->mem, s, n), n };
	r->body = piece;
	r->npieces = 1;
}

static int fill_form(struct filling *f, const struct http_tool *tool, struct http_request *r)
{
	buf_clear(&f->out);
	if (fill_pairs(f, &tool->form) < 0)
		return -1;
	set_body(f, r, buf_str(&f->out), f->out.len);
	return 0;
}

/* A body that is a text is sent as a text; everything else is JSON. */
static int fill_body(
    struct filling *f, const struct http_tool *tool, struct http_request *r, const char **type)
{
	json_t *v = NULL;
	const char *s;

	*type = "application/x-www-form-urlencoded";
	if (tool->has_form)
		return fill_form(f, tool, r);
	*type = NULL;
	if (!tool->body)
		return 0;
	if (node_value(f, tool->body, &v) < 0)
		return -1;
	if (!v)
		return 0;
	json_in(f->mem, v);
	if (tool->body->kind == HTTP_STRING && json_is_string(v)) {
		*type = "text/plain; charset=utf-8";
		set_body(f, r, json_string_value(v), json_string_length(v));
		return 0;
	}
	*type = "application/json";
	s = json_text(f->mem, v);
	set_body(f, r, s, strlen(s));
	return 0;
}

static void add_field(struct filling *f, const char *name, const char *value)
{
	f->fields[f->nfields++] = (struct http_field){ name, value };
}

static int fill_headers(struct filling *f, const struct http_tool *tool)
{
	for (int i = 0; i < tool->headers.n; i++) {
		const struct http_pair *p = &tool->headers.list[i];

		buf_clear(&f->out);
		if (fill(f, &p->value, IN_HEADER) < 0)
			return -1;
		if (f->out.len) /* without a value it says nothing */
			add_field(f, p->name, arena_strdup(f->mem, f->out.data));
	}
	return 0;
}

static int fill_all(struct filling *f, const struct tool *t, struct http_request *r)
{
	const struct http_tool *tool = t->impl;
	const char *type;

	if (fill_url(f, tool, &r->url) < 0 || fill_headers(f, tool) < 0 ||
	    fill_body(f, tool, r, &type) < 0)
		return -1;
	if (!tool->has_accept)
		add_field(f, "Accept", "application/json");
	if (type && !tool->has_type)
		add_field(f, "Content-Type", type);
	if (tool->write && t->repeatable)
		add_field(f, "Idempotency-Key", f->call->key);
	return 0;
}

int http_request_fill(const struct tool *t, const struct tool_call *call, struct http_request *r,
    struct tool_result *out)
{
	const struct http_tool *tool = t->impl;
	struct filling f = { .call = call,
		.result = out,
		.mem = call->mem,
		.fields = arena_array(call->mem, struct http_field, tool->headers.n + OURS) };
	int rc;

	*r = (struct http_request){ .method = tool->method,
		.reach = tool->reach,
		.first_byte_ms = t->timeout_ms,
		.silence_ms = t->timeout_ms,
		.max_body = tool->max_bytes,
		.once = tool->write && !t->repeatable };
	rc = fill_all(&f, t, r);
	r->fields = f.fields;
	r->nfields = f.nfields;
	buf_done(&f.out);
	return rc;
}
