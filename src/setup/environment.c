#include "setup/environment.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s))
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

const char *environment_unset(struct arena *mem, const char *text)
{
	const char *name, *value;
	size_t n;

	if (strncmp(text, "${", 2))
		return NULL;
	n = name_length(text + 2);
	if (!n || strcmp(text + 2 + n, "}"))
		return NULL;
	name = arena_strndup(mem, text + 2, n);
	value = getenv(name);
	return value && *value ? NULL : name;
}

struct expansion {
	struct mistakes *m;
	struct yaml *y;
	const char *pointer;
	const char *text; /* all of it */
	struct buf out;
};

static void complain(struct expansion *x, const char *where, const char *message)
{
	struct place at;

	yaml_place_in(x->y, x->pointer, x->text, (size_t)(where - x->text), &at);
	mistakes_add(x->m, at, yaml_path(x->y, x->pointer), "%s", message);
	yaml_unset(x->y, x->pointer);
}

/* s is at "${"; returns what follows the variable. */
static const char *expand_one(struct expansion *x, const char *s)
{
	size_t n = name_length(s + 2);
	const char *name, *value;

	if (!n || s[2 + n] != '}') {
		complain(x, s, "expected ${NAME}; a ${ that is text is written $${");
		return s + 2;
	}
	name = arena_strndup(x->m->mem, s + 2, n);
	value = getenv(name);
	if (value)
		buf_adds(&x->out, value);
	else
		complain(
		    x, s, arena_printf(x->m->mem, "the environment variable %s is not set", name));
	return s + 2 + n + 1;
}

static json_t *expand_text(struct expansion *x)
{
	json_t *v;

	for (const char *s = x->text; *s;) {
		if (!strncmp(s, "$${", 3)) {
			buf_adds(&x->out, "${");
			s += 3;
		} else if (!strncmp(s, "${", 2)) {
			s = expand_one(x, s);
		} else {
			buf_add(&x->out, s++, 1);
		}
	}
	v = json_stringn(buf_str(&x->out), x->out.len);
	if (!v) {
		complain(x, x->text, "the variable's value is not UTF-8");
		v = json_string("");
	}
	buf_done(&x->out);
	return v;
}

/* "/tools/NAME/http/url" and below its neighbours: the tool's kind puts variables in there, since
 * it must tell them from names and keep them secret. */
static bool is_of_a_request(const char *pointer)
{
	static const char *const keys[] = { "url", "query", "headers", "form", "body" };
	const char *s = text_starts(pointer, "/tools/") ? strchr(pointer + 7, '/') : NULL;

	if (!s || !text_starts(s, "/http/"))
		return false;
	s += strlen("/http/");
	for (size_t i = 0; i < array_len(keys); i++)
		if (text_starts(s, keys[i]) && (!s[strlen(keys[i])] || s[strlen(keys[i])] == '/'))
			return true;
	return false;
}

/* What stands in v's place: a new reference, or NULL to keep it. */
static json_t *expand(struct mistakes *m, struct yaml *y, json_t *v, const char *pointer)
{
	struct expansion x = { .m = m, .y = y, .pointer = pointer };
	const char *key;
	json_t *child, *new;
	size_t i;

	if (is_of_a_request(pointer))
		return NULL;
	if (json_is_string(v) && strstr(json_string_value(v), "${")) {
		x.text = json_string_value(v);
		return expand_text(&x);
	}
	json_object_foreach (v, key, child) {
		new = expand(m, y, child, json_below(m->mem, pointer, key));
		if (new)
			json_object_set_new(v, key, new);
	}
	json_array_foreach (v, i, child) {
		new = expand(m, y, child, json_below_index(m->mem, pointer, i));
		if (new)
			json_array_set_new(v, i, new);
	}
	return NULL;
}

void environment_expand(struct mistakes *m, struct yaml *y)
{
	json_t *new = expand(m, y, yaml_root(y), "");

	json_decref(new); /* a file that is one text: its shape is refused anyway */
}
