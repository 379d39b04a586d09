#include "model/anthropic_blocks.h"

#include "base/text.h"

#include <string.h>

static struct span raw_of(const struct anthropic_block *b)
{
	return (struct span){ b->raw.data, b->raw.len };
}

static bool is_thinking(const struct anthropic_block *b)
{
	return span_is(span_member(raw_of(b), "type"), "thinking");
}

void anthropic_thinking(struct buf *out, const struct anthropic_block *b)
{
	if (!is_thinking(b))
		return;
	span_text(out, span_member(raw_of(b), "thinking"));
	if (b->grown.len)
		buf_add(out, b->grown.data, b->grown.len);
}

/* What deltas made of a block: members that are other than at its beginning. */

#define CHANGES_MAX 2

struct change {
	const char *name, *json;
	bool put;
};

struct changes {
	struct arena *mem;
	struct change list[CHANGES_MAX];
	int n;
};

static void change(struct changes *c, const char *name, const char *json)
{
	c->list[c->n++] = (struct change){ .name = name, .json = json };
}

static void change_text(struct changes *c, const char *name, const char *s, size_t n)
{
	change(c, name, json_text(c->mem, json_in(c->mem, json_stringn(s, n))));
}

static void change_text_block(struct changes *c, const struct anthropic_block *b, const char *text)
{
	change_text(c, "text", text, b->text);
	if (b->member.len)
		change(c, "citations", arena_printf(c->mem, "[%s]", b->member.data));
}

static void change_thinking(struct changes *c, const struct anthropic_block *b)
{
	struct buf thinking = { 0 };

	if (b->grown.len) {
		anthropic_thinking(&thinking, b);
		change_text(c, "thinking", thinking.data, thinking.len);
		buf_done(&thinking);
	}
	if (b->member.len)
		change_text(c, "signature", b->member.data, b->member.len);
}

static void change_compaction(struct changes *c, const struct anthropic_block *b)
{
	static const char *const names[CHANGES_MAX] = { "content", "encrypted_content" };
	struct span delta = { b->member.data, b->member.len }, m[CHANGES_MAX];

	span_members(delta, names, m, CHANGES_MAX);
	for (int i = 0; i < CHANGES_MAX; i++)
		if (m[i].n)
			change(c, names[i], arena_memdup(c->mem, m[i].s, m[i].n));
}

static void change_input(struct changes *c, const struct anthropic_block *b)
{
	struct span input;

	if (b->grown.len && span_check(b->grown.data, b->grown.len, &input) == SPAN_WHOLE)
		change(c, "input", arena_memdup(c->mem, input.s, input.n));
}

static void changes_of(struct changes *c, const struct anthropic_block *b, const char *text)
{
	if (b->kind == BLOCK_TEXT)
		change_text_block(c, b, text);
	else if (is_thinking(b))
		change_thinking(c, b);
	else if (span_is(span_member(raw_of(b), "type"), "compaction"))
		change_compaction(c, b);
	else
		change_input(c, b);
}

static void put(struct buf *out, const char *name, const char *json)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
	buf_adds(out, json);
}

static struct change *changed(struct changes *c, struct span key)
{
	for (int i = 0; i < c->n; i++)
		if (span_is(key, c->list[i].name))
			return &c->list[i];
	return NULL;
}

static void put_block(struct buf *out, struct span raw, struct changes *c)
{
	struct span key, value;
	size_t at = 0;

	buf_adds(out, "{");
	while (span_next(raw, &at, &key, &value)) {
		struct change *new = changed(c, key);

		if (!new) {
			buf_adds(out, out->len > 1 ? "," : "");
			buf_add(out, key.s, (size_t)(value.s + value.n - key.s));
		} else if (!new->put) {
			put(out, new->name, new->json);
			new->put = true;
		}
	}
	for (int i = 0; i < c->n; i++)
		if (!c->list[i].put)
			put(out, c->list[i].name, c->list[i].json);
	buf_adds(out, "}");
}

const char *anthropic_block_json(
    struct arena *mem, const struct anthropic_block *b, const char *text)
{
	struct changes c = { .mem = mem };
	struct buf out = { 0 };
	const char *json;

	if (!b->whole)
		changes_of(&c, b, text);
	if (!c.n)
		return arena_memdup(mem, b->raw.data, b->raw.len);
	put_block(&out, raw_of(b), &c);
	json = arena_memdup(mem, out.data, out.len);
	buf_done(&out);
	return json;
}
