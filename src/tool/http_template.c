#include "tool/http_template.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	struct arena *mem;
	const char *text, *at;
	struct http_template *out;
	struct buf plain; /* read and not yet a part */
	size_t plain_at;  /* where it began */
	int room;
};

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool in_name(char c)
{
	return starts_name(c) || (c >= '0' && c <= '9');
}

static size_t offset_of(const struct reader *r, const char *at)
{
	return (size_t)(at - r->text);
}

static void add_part(struct reader *r, struct http_part part)
{
	struct http_template *t = r->out;

	if (t->n == r->room) {
		struct http_part *more = arena_array(r->mem, struct http_part, r->room * 2 + 4);

		if (t->n)
			memcpy(more, t->parts, (size_t)t->n * sizeof(part));
		t->parts = more;
		r->room = r->room * 2 + 4;
	}
	t->parts[t->n++] = part;
}

static void end_plain(struct reader *r)
{
	if (r->plain.len)
		add_part(r, (struct http_part){
				HTTP_TEXT, arena_strdup(r->mem, buf_str(&r->plain)), r->plain_at });
	buf_clear(&r->plain);
}

/* One character that stands for itself, written with `n`. */
static void take_plain(struct reader *r, char c, size_t n)
{
	if (!r->plain.len)
		r->plain_at = offset_of(r, r->at);
	buf_add(&r->plain, &c, 1);
	r->at += n;
}

static int take_name(struct reader *r, struct err *e)
{
	const char *start = r->at + 1, *end = start;

	if (starts_name(*start))
		while (in_name(*end) || (*end == '.' && starts_name(end[1])))
			end++;
	if (end == start || *end != '}')
		return err_set(e, ERR_INVALID,
		    "expected {name} with the name of a parameter; a { that is text is written {{");
	end_plain(r);
	add_part(r, (struct http_part){ HTTP_NAME,
			arena_strndup(r->mem, start, (size_t)(end - start)), offset_of(r, r->at) });
	r->at = end + 1;
	return 0;
}

static int add_variable(struct reader *r, const char *name, struct err *e)
{
	const char *value = getenv(name);

	if (!value)
		return err_set(e, ERR_INVALID, "the environment variable %s is not set", name);
	if (!text_is_utf8(value, strlen(value)))
		return err_set(e, ERR_INVALID, "the variable's value is not UTF-8");
	end_plain(r);
	add_part(
	    r, (struct http_part){ HTTP_SECRET, arena_strdup(r->mem, value), offset_of(r, r->at) });
	return 0;
}

static int take_variable(struct reader *r, struct err *e)
{
	const char *start = r->at + 2, *end = start;

	if (starts_name(*start))
		while (in_name(*end))
			end++;
	if (end == start || *end != '}')
		return err_set(
		    e, ERR_INVALID, "expected ${NAME}; a $ before a { that is text is written $${");
	if (add_variable(r, arena_strndup(r->mem, start, (size_t)(end - start)), e) < 0)
		return -1;
	r->at = end + 1;
	return 0;
}

static int take(struct reader *r, struct err *e)
{
	const char *s = r->at;

	if (text_starts(s, "{{") || text_starts(s, "}}")) {
		take_plain(r, *s, 2);
	} else if (text_starts(s, "$${")) {
		take_plain(r, '$', 2);
	} else if (text_starts(s, "${")) {
		return take_variable(r, e);
	} else if (*s == '{') {
		return take_name(r, e);
	} else if (*s == '}') {
		return err_set(e, ERR_INVALID, "a } that is text is written }}");
	} else {
		take_plain(r, *s, 1);
	}
	return 0;
}

int http_template_read(
    struct arena *mem, const char *text, struct http_template *out, size_t *offset, struct err *e)
{
	struct reader r = { .mem = mem, .text = text, .at = text, .out = out };
	int rc = 0;

	*out = (struct http_template){ 0 };
	while (rc == 0 && *r.at)
		rc = take(&r, e);
	if (rc < 0)
		*offset = offset_of(&r, r.at);
	end_plain(&r);
	buf_done(&r.plain);
	return rc;
}

const char *http_template_alone(const struct http_template *t)
{
	return t->n == 1 && t->parts[0].kind == HTTP_NAME ? t->parts[0].text : NULL;
}

bool http_template_asks_for_customer(const char *text)
{
	struct arena *mem = arena_new();
	struct http_template t;
	struct err e;
	size_t offset;
	bool asks = false;

	http_template_read(mem, text, &t, &offset, &e);
	for (int i = 0; i < t.n; i++)
		asks = asks ||
		       (t.parts[i].kind == HTTP_NAME && text_starts(t.parts[i].text, "customer."));
	arena_free(mem);
	return asks;
}
