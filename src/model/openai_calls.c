#include "base/mem.h"
#include "model/openai_reader.h"

#include <stdlib.h>
#include <string.h>

enum member {
	INDEX,
	ID,
	FUNCTION,
	NAME,
	ARGUMENTS,
	MEMBERS
};

/* One item of a tool_calls list. */
struct delta {
	int64_t index; /* -1: none */
	struct span m[MEMBERS];
	bool named, has_id;
};

static bool says(struct span string)
{
	return span_kind(string) == '"' && string.n > 2;
}

static struct delta read_delta(struct span item)
{
	static const char *const names[] = { "index", "id", "function", "name", "arguments" };
	struct delta d;

	span_members(item, names, d.m, MEMBERS);
	if (span_kind(d.m[FUNCTION]) == '{')
		span_members(d.m[FUNCTION], names + NAME, d.m + NAME, MEMBERS - NAME);
	d.index = span_int(d.m[INDEX], -1);
	d.has_id = says(d.m[ID]);
	d.named = says(d.m[NAME]);
	return d;
}

static bool holds(const struct buf *b, struct span string)
{
	return span_is(string, buf_str(b));
}

/* Are the arguments an object from its first brace to its last? */
static bool is_complete(const struct openai_call *c)
{
	struct span v;

	return span_check(buf_str(&c->arguments), c->arguments.len, &v) == SPAN_WHOLE &&
	       span_kind(v) == '{';
}

static bool begins_object(struct span arguments)
{
	struct span v = arguments;

	return span_kind(v) == '{' || (span_kind(v) == '"' && v.n > 2 && v.s[1] == '{');
}

/* Some give all parallel calls the index 0, or the same id, or neither: whoever brings a name and
 * arguments from their beginning, when those of the call are complete, speaks of another one. */
static bool is_another(const struct openai_call *c, const struct delta *d)
{
	if (!d->named)
		return false;
	if (d->has_id && c->id.len && !holds(&c->id, d->m[ID]))
		return true;
	return begins_object(d->m[ARGUMENTS]) && is_complete(c);
}

static struct openai_call *find_index(const struct openai_calls *c, int64_t index)
{
	for (int i = c->n; index >= 0 && i-- > 0;)
		if (c->list[i].index == index)
			return &c->list[i];
	return NULL;
}

static struct openai_call *find_id(const struct openai_calls *c, const struct delta *d)
{
	for (int i = c->n; d->has_id && i-- > 0;)
		if (holds(&c->list[i].id, d->m[ID]) && (d->index < 0 || c->list[i].index < 0))
			return &c->list[i];
	return NULL;
}

/* By index; else by id; else it goes on with the last one. */
static struct openai_call *find(const struct openai_calls *c, const struct delta *d)
{
	struct openai_call *last = c->n ? &c->list[c->n - 1] : NULL, *found;

	if (c->whole)
		return NULL;
	found = find_index(c, d->index);
	if (!found)
		found = find_id(c, d);
	if (!found && last && !d->has_id &&
	    (!d->named || (d->index < 0 && holds(&last->name, d->m[NAME]))))
		found = last;
	return found && is_another(found, d) ? NULL : found;
}

static struct openai_call *add(struct openai_calls *c, struct reader *r, int64_t index)
{
	if (c->n == READER_CALLS_MAX)
		reader_limit(r, "the answer has more than 1000 calls");
	if (r->failed)
		return NULL;
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 2;
		c->list = mem_resize(c->list, sizeof(*c->list) * (size_t)c->cap);
	}
	c->list[c->n] = (struct openai_call){ .index = index };
	return &c->list[c->n++];
}

void openai_calls_read_one(struct openai_calls *c, struct reader *r, struct span item)
{
	const struct delta d = read_delta(item);
	struct openai_call *call = find(c, &d);

	if (span_kind(item) != '{')
		return;
	if (!call && !(call = add(c, r, d.index)))
		return;
	/* Repeated with each delta by some: the first counts. */
	if (!call->id.len)
		reader_keep(r, &call->id, d.m[ID]);
	if (!call->name.len)
		reader_keep(r, &call->name, d.m[NAME]);
	if (span_kind(d.m[ARGUMENTS]) == '"')
		reader_keep(r, &call->arguments, d.m[ARGUMENTS]);
	else if (span_given(d.m[ARGUMENTS]))
		reader_keep_raw(r, &call->arguments, d.m[ARGUMENTS]);
}

void openai_calls_read(struct openai_calls *c, struct reader *r, struct span tool_calls)
{
	struct span item;
	size_t at = 0;

	if (span_kind(tool_calls) == '[')
		while (span_next(tool_calls, &at, NULL, &item))
			openai_calls_read_one(c, r, item);
}

void openai_calls_finish(const struct openai_calls *c, struct arena *mem, struct reading *out)
{
	struct reading_call *calls = arena_array(mem, struct reading_call, c->n);

	for (int i = 0; i < c->n; i++) {
		const struct openai_call *call = &c->list[i];

		calls[i].id = reader_text(mem, &call->id);
		calls[i].name = reader_text(mem, &call->name);
		calls[i].raw = reader_text(mem, &call->arguments);
		calls[i].arguments = reader_arguments(mem, calls[i].raw, call->arguments.len);
		calls[i].whole = calls[i].arguments;
	}
	out->calls = calls;
	out->ncalls = c->n;
}

void openai_calls_free(struct openai_calls *c)
{
	for (int i = 0; i < c->n; i++) {
		buf_done(&c->list[i].id);
		buf_done(&c->list[i].name);
		buf_done(&c->list[i].arguments);
	}
	free(c->list);
}
