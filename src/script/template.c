#include "script/inside.h"

#include "base/buf.h"
#include "base/text.h"

#include <string.h>

/* A text with expressions between {{ and }}.
 *
 * The expression says where it ends, not the first }}: a table or a text in it may contain the
 * sign.  A literal {{ is written {{ "{{" }}. */

struct piece {
	const char *text;              /* what stands there, or */
	struct expression *expression; /* what is put in */
	struct piece *next;
};

struct template
{
	struct piece *pieces;
};

static struct piece *add_piece(struct arena *mem, struct piece **end)
{
	*end = arena_new_of(mem, struct piece);
	return *end;
}

/* One placeholder; *at is on its {{ and afterwards behind its }}. */
static struct expression *placeholder(
    struct script *s, const char *source, size_t *at, const char *const *names, struct err *e)
{
	size_t start = *at;
	struct expression *x;

	*at += 2;
	x = expression_part(s, source, at, names, e);
	if (!x)
		return NULL;
	if (strncmp(source + *at, "}}", 2) != 0) {
		if (source[*at])
			source_error(e, source, *at,
			    "expected '}}' behind the expression, got '%.20s'", source + *at);
		else
			source_error(e, source, start, "this {{ is never closed");
		return NULL;
	}
	*at += 2;
	return x;
}

struct template *script_template(
    struct script *s, const char *source, const char *const *names, struct err *e)
{
	struct template *t = arena_new_of(s->mem, struct template);
	struct piece **end = &t->pieces;
	size_t at = 0;

	while (source[at]) {
		const char *open = strstr(source + at, "{{");
		size_t n = open ? (size_t)(open - (source + at)) : strlen(source + at);
		struct piece *p = add_piece(s->mem, end);

		end = &p->next;
		if (n > 0) {
			p->text = arena_strndup(s->mem, source + at, n);
			at += n;
			continue;
		}
		p->expression = placeholder(s, source, &at, names, e);
		if (!p->expression)
			return NULL;
	}
	return t;
}

static int add_value(struct buf *out, const json_t *v, struct err *e)
{
	char number[TEXT_NUMBER_SIZE];

	switch (json_typeof(v)) {
	case JSON_NULL: return 0;
	case JSON_STRING: buf_add(out, json_string_value(v), json_string_length(v)); return 0;
	case JSON_INTEGER: buf_printf(out, "%lld", (long long)json_integer_value(v)); return 0;
	case JSON_REAL: buf_adds(out, text_number(number, json_real_value(v))); return 0;
	case JSON_TRUE: buf_adds(out, "true"); return 0;
	case JSON_FALSE: buf_adds(out, "false"); return 0;
	case JSON_ARRAY:
		return err_set(
		    e, ERR_INVALID, "a list cannot stand in a text; use join(list, \", \")");
	default:
		return err_set(
		    e, ERR_INVALID, "an object cannot stand in a text; name one key of it");
	}
}

char *template_text(const struct template *t, const json_t *data, struct arena *mem, struct err *e)
{
	struct buf out = { 0 };
	char *text = NULL;

	for (const struct piece *p = t->pieces; p; p = p->next) {
		json_t *v;

		if (p->text) {
			buf_adds(&out, p->text);
			continue;
		}
		v = expression_value(p->expression, data, mem, e);
		if (!v || add_value(&out, v, e) < 0)
			goto done;
	}
	text = arena_strndup(mem, buf_str(&out), out.len);
done:
	buf_done(&out);
	return text;
}
