#include "base/mem.h"
#include "base/text.h"
#include "model/provider_inside.h"

#include <stdlib.h>
#include <string.h>

/* Instructions and tools are the same in every request of an agent, and long.  What they were is
 * kept beside their bytes: a schema by reference, so that its address is no other's. */

struct provider_head {
	struct buf bytes;
	struct arena *mem; /* the copies */
	const char *instructions;
	struct model_tool *tools;
	int ntools, answer_tokens;
	bool rendered;
};

struct provider_head *head_new(void)
{
	return mem_new(struct provider_head);
}

void head_free(struct provider_head *h)
{
	buf_done(&h->bytes);
	arena_free(h->mem);
	free(h);
}

static bool same_tool(const struct model_tool *a, const struct model_tool *b)
{
	return a->parameters == b->parameters && text_is(a->name, b->name) &&
	       text_is(a->description, b->description);
}

static bool same(const struct provider_head *h, const struct model_request *r)
{
	if (!h->rendered || h->ntools != r->ntools || h->answer_tokens != r->answer_tokens ||
	    !text_is(h->instructions, r->instructions))
		return false;
	for (int i = 0; i < h->ntools; i++)
		if (!same_tool(&h->tools[i], &r->tools[i]))
			return false;
	return true;
}

static const char *keep(struct provider_head *h, const char *s)
{
	return s ? arena_strdup(h->mem, s) : NULL;
}

static void remember(struct provider_head *h, const struct model_request *r)
{
	arena_free(h->mem);
	h->mem = arena_new();
	h->instructions = keep(h, r->instructions);
	h->tools = arena_array(h->mem, struct model_tool, r->ntools);
	for (int i = 0; i < r->ntools; i++)
		h->tools[i] = (struct model_tool){ .name = keep(h, r->tools[i].name),
			.description = keep(h, r->tools[i].description),
			.parameters =
			    json_in(h->mem, json_incref(json_unconst(r->tools[i].parameters))) };
	h->ntools = r->ntools;
	h->answer_tokens = r->answer_tokens;
	h->rendered = true;
}

const struct buf *head_bytes(const struct provider_model *m, const struct model_request *r)
{
	struct provider_head *h = m->head;

	if (!same(h, r)) {
		remember(h, r);
		buf_clear(&h->bytes);
		m->dialect->head(m, &h->bytes, r);
	}
	return &h->bytes;
}
