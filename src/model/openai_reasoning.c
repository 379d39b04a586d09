#include "base/mem.h"
#include "base/text.h"
#include "model/openai_reader.h"

#include <string.h>

/* <think> tags.  A tag may be cut anywhere, so a part of one is held back until it is known. */

static size_t white(const char *text, size_t n, size_t at)
{
	while (at < n && strchr(" \t\r\n", text[at]))
		at++;
	return at;
}

static void look(struct openai_reasoning *t, const char *text, size_t n)
{
	static const char tag[] = "<think>";
	const size_t at = white(text, n, 0), len = strlen(tag);

	if (n - at >= len && memcmp(text + at, tag, len) == 0) {
		t->think = THINK_INSIDE;
		t->inside = t->at = at + len;
	} else if (memcmp(text + at, tag, n - at < len ? n - at : len) != 0) {
		t->think = THINK_NONE;
	}
}

static void inside(struct openai_reasoning *t, const char *text, size_t n)
{
	static const char tag[] = "</think>";
	const size_t len = strlen(tag);
	const char *end = memmem(text + t->at, n - t->at, tag, len);

	if (end) {
		t->behind = (size_t)(end - text);
		t->at = t->behind + len;
		t->think = THINK_BEHIND;
	} else if (n - t->at >= len) {
		t->at = n - len + 1;
	}
}

size_t openai_think(struct openai_reasoning *t, const char *text, size_t n, bool ended)
{
	if (t->think == THINK_LOOK)
		look(t, text, n);
	if (t->think == THINK_INSIDE)
		inside(t, text, n);
	if (t->think == THINK_BEHIND) {
		t->at = white(text, n, t->at);
		if (t->at < n)
			t->think = THINK_NONE;
	}
	if (ended && t->think == THINK_LOOK)
		t->think = THINK_NONE;
	return t->think == THINK_NONE ? t->at : n;
}

/* Members. */

static const char *const members[OPENAI_REASONING_MEMBERS] = { "reasoning_content", "reasoning",
	"reasoning_details" };

static bool says(struct span string)
{
	return span_kind(string) == '"' && string.n > 2;
}

static bool is_text(const json_t *detail)
{
	const char *type = json_str(detail, "type");

	return text_is(type, "reasoning.text") || text_is(type, "reasoning.summary");
}

static void add_string(json_t *to, const json_t *from, const char *key)
{
	const char *old = json_str(to, key), *more = json_str(from, key);
	struct buf both = { 0 };

	if (!old || !more)
		return;
	buf_adds(&both, old);
	buf_adds(&both, more);
	json_object_set_new(to, key, json_stringn(both.data, both.len));
	buf_done(&both);
}

/* Text of the same item grows; what else is said of it again, replaces. */
static void grow_detail(json_t *to, const json_t *from)
{
	const char *key;
	json_t *value;

	add_string(to, from, "text");
	add_string(to, from, "summary");
	json_object_foreach (json_unconst(from), key, value) {
		bool grown = text_is(key, "text") || text_is(key, "summary");

		if (!json_is_null(value) && !(grown && json_str(to, key)))
			json_object_set(to, key, value);
	}
}

static void add_detail(json_t *list, json_t *detail)
{
	json_t *last = json_array_get(list, json_array_size(list) - 1);

	if (last && is_text(detail) && text_is(json_str(last, "type"), json_str(detail, "type")) &&
	    json_equal(json_object_get(last, "index"), json_object_get(detail, "index")))
		grow_detail(last, detail);
	else
		json_array_append_new(list, json_deep_copy(detail));
}

static void read_details(struct openai_reasoning *t, struct reader *r, struct span details)
{
	struct arena *mem;
	struct buf raw = { 0 };
	json_t *list, *detail;
	size_t i;

	reader_keep_raw(r, &raw, details);
	mem = arena_new();
	list = reader_tree(mem, buf_str(&raw), raw.len);
	if (!t->details)
		t->details = json_array();
	json_array_foreach (list, i, detail)
		add_detail(t->details, detail);
	arena_free(mem);
	buf_done(&raw);
}

/* Some send the same words in two members: one of them is used, for as long as it says anything. */
void openai_reasoning_read(struct openai_reasoning *t, struct reader *r, const struct span *m)
{
	int used, other;

	if (span_kind(m[2]) == '[' && m[2].n > 2)
		read_details(t, r, m[2]);
	used = text_is(t->member, members[1]) || (!t->member && !says(m[0]));
	other = !used;
	if (!says(m[used]))
		used = other;
	if (!says(m[used]))
		return;
	if (!t->member)
		t->member = members[used];
	reader_keep(r, &t->said, m[used]);
}

static json_t *opaque(const struct openai_reasoning *t)
{
	json_t *o = json_object();

	if (t->member && t->said.len)
		json_object_set_new(o, t->member, json_stringn(t->said.data, t->said.len));
	if (t->details && json_array_size(t->details))
		json_object_set(o, members[2], t->details);
	return o;
}

void openai_reasoning_finish(const struct openai_reasoning *t, const struct buf *text,
    struct arena *mem, struct reading *out)
{
	json_t *o = json_in(mem, opaque(t));
	struct buf all = { 0 };

	if (json_object_size(o))
		out->opaque = o;
	buf_add(&all, buf_str(&t->said), t->said.len);
	if (t->inside) {
		const size_t end = t->behind ? t->behind : text->len;

		buf_add(&all, text->data + t->inside, end - t->inside);
		out->tagged = reader_text(mem, text);
	}
	out->reasoning = reader_text_or_null(mem, &all);
	buf_done(&all);
}

void openai_reasoning_free(struct openai_reasoning *t)
{
	buf_done(&t->said);
	json_decref(t->details);
}
