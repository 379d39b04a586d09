/* Anthropic's Messages API, as a request.
 *
 * Content is always a list of blocks, so that each message ends in "}]}" and a mark for the cache
 * can be put into its last block.  What a model thought goes back to it byte for byte, and to no
 * other. */
#include "base/mem.h"
#include "base/text.h"
#include "model/provider_inside.h"

#include <ctype.h>
#include <string.h>

#define MARK ",\"cache_control\":{\"type\":\"ephemeral\"}"
#define END  "}]}" /* of every message */

static void open_blocks(struct buf *out, const char *role)
{
	buf_printf(out, ",{\"role\":\"%s\",\"content\":[", role);
}

static void next_block(struct buf *out)
{
	if (out->data[out->len - 1] != '[')
		buf_adds(out, ",");
}

static bool blank(const char *s, size_t n)
{
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return !n;
}

static void text_block(struct buf *out, const char *s, size_t n)
{
	if (blank(s, n))
		return; /* it would be refused as empty */
	next_block(out);
	buf_adds(out, "{\"type\":\"text\",\"text\":\"");
	body_foreign(out, s, n);
	buf_adds(out, "\"}");
}

static void call_block(struct buf *out, const struct wire_call *c)
{
	next_block(out);
	buf_adds(out, "{\"type\":\"tool_use\",\"id\":\"");
	body_chars(out, c->id);
	buf_adds(out, "\",\"name\":\"");
	body_tool_name(out, c->name);
	buf_adds(out, "\",\"input\":");
	json_write(out, c->arguments);
	buf_adds(out, "}");
}

static void result_block(struct buf *out, const struct wire_result *r)
{
	next_block(out);
	buf_adds(out, "{\"type\":\"tool_result\",\"tool_use_id\":\"");
	body_chars(out, r->id);
	buf_adds(out, "\",\"content\":\"");
	body_foreign(out, r->text, strlen(r->text));
	buf_adds(out, r->ok ? "\"}" : "\",\"is_error\":true}");
}

static void raw_block(struct buf *out, const json_t *raw)
{
	next_block(out);
	buf_add(out, json_string_value(raw), json_string_length(raw));
}

/* Its own blocks (reader_anthropic.c): a text is a block as it was sent, a number the next so many
 * bytes of what it said, null the next call. */

static bool blocks_fit(const struct wire_message *m)
{
	size_t said = m->text ? strlen(m->text) : 0, at = 0, i;
	const json_t *b;
	int calls = 0;

	json_array_foreach (m->opaque, i, b) {
		json_int_t n = json_integer_value(b);

		calls += json_is_null(b);
		if (n < 0 || (size_t)n > said - at ||
		    (n && (m->text[at + (size_t)n] & 0xC0) == 0x80))
			return false;
		at += (size_t)n;
	}
	return at == said && calls == m->n;
}

static void own_blocks(struct buf *out, const struct wire_message *m)
{
	const char *text = m->text ? m->text : "";
	const json_t *b;
	int calls = 0;
	size_t i;

	json_array_foreach (m->opaque, i, b) {
		if (json_is_string(b)) {
			raw_block(out, b);
		} else if (json_is_integer(b)) {
			text_block(out, text, (size_t)json_integer_value(b));
			text += json_integer_value(b);
		} else {
			call_block(out, &m->calls[calls++]);
		}
	}
}

/* What was said is not what is in the history (it was cut, or changed): in the order that is always
 * legal. */
static void other_blocks(struct buf *out, const struct wire_message *m)
{
	const json_t *b;
	size_t i;

	json_array_foreach (m->opaque, i, b) {
		if (json_is_string(b))
			raw_block(out, b);
	}
	if (m->text)
		text_block(out, m->text, strlen(m->text));
	for (int c = 0; c < m->n; c++)
		call_block(out, &m->calls[c]);
}

static void ai_blocks(const struct provider_model *m, struct buf *out, const struct wire_message *w)
{
	struct wire_message plain = *w;

	if (!m->can.reasoning_replay || !text_is(w->origin, m->model.name))
		plain.opaque = NULL;
	if (json_is_array(plain.opaque) && blocks_fit(w))
		own_blocks(out, w);
	else
		other_blocks(out, &plain);
}

static void person_block(struct buf *out, const struct wire_message *w)
{
	next_block(out);
	buf_adds(out, "{\"type\":\"text\",\"text\":\"");
	body_person(out, w);
	buf_adds(out, "\"}");
}

static void tagged_block(struct buf *out, const char *tag, const char *text)
{
	buf_printf(out, "{\"type\":\"text\",\"text\":\"<%s>", tag);
	body_foreign(out, text, strlen(text));
	buf_printf(out, "</%s>\"}", tag);
}

static void render(const struct wire_dialect *d, struct buf *out, const struct wire_message *w)
{
	const struct provider_model *m = container_of(d, struct provider_model, wire);
	static const char *const roles[] = {
		[WIRE_CUSTOMER] = "user",
		[WIRE_AI] = "assistant",
		[WIRE_RESULTS] = "user",
		[WIRE_PERSON] = "assistant",
		[WIRE_NOTE] = "user", /* a system message may follow the customer's only */
		[WIRE_RECAP] = "user",
	};

	open_blocks(out, roles[w->role]);
	switch (w->role) {
	case WIRE_CUSTOMER: text_block(out, w->text, strlen(w->text)); break;
	case WIRE_AI: ai_blocks(m, out, w); break;
	case WIRE_PERSON: person_block(out, w); break;
	case WIRE_NOTE: tagged_block(out, "note", w->text); break;
	case WIRE_RECAP:
		next_block(out);
		buf_adds(out, "{\"type\":\"text\",\"text\":\"");
		body_recap(out, w);
		buf_adds(out, "\"}");
		break;
	case WIRE_RESULTS:
		for (int i = 0; i < w->n; i++)
			result_block(out, &w->results[i]);
		break;
	}
	buf_adds(out, "]}");
}

/* The rest of the body. */

static void tools(struct buf *out, const struct model_request *r)
{
	if (!r->ntools)
		return;
	buf_adds(out, ",\"tools\":[");
	for (int i = 0; i < r->ntools; i++) {
		next_block(out);
		buf_adds(out, "{\"name\":\"");
		body_tool_name(out, r->tools[i].name);
		buf_adds(out, "\"");
		body_member(out, "description", r->tools[i].description);
		buf_adds(out, ",\"input_schema\":");
		json_write(out, r->tools[i].parameters);
		buf_adds(out, "}");
	}
	buf_adds(out, "]");
}

static void thinking(const struct capabilities *can, struct buf *out)
{
	if (can->thinking_budget)
		buf_printf(out, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":%d}",
		    can->thinking_budget);
	else if (can->thinking)
		buf_printf(out, ",\"thinking\":{\"type\":\"%s\"}", can->thinking);
	if (can->effort)
		buf_printf(out, ",\"output_config\":{\"effort\":\"%s\"}", can->effort);
}

static void head(const struct provider_model *m, struct buf *out, const struct model_request *r)
{
	buf_adds(out, "{\"model\":\"");
	body_chars(out, m->id);
	buf_printf(out, "\",\"max_tokens\":%d,\"stream\":%s",
	    r->answer_tokens + m->can.thinking_tokens, m->provider->stream ? "true" : "false");
	thinking(&m->can, out);
	body_sampling(out, m->can.sampling);
	tools(out, r);
	buf_adds(out, ",\"system\":[{\"type\":\"text\",\"text\":\"");
	body_chars(out, r->instructions);
	buf_adds(out, m->can.cache_control ? "\"" MARK "}]" : "\"}]");
	buf_adds(out, ",\"messages\":[");
}

static void state(const struct provider_model *m, struct buf *out, const char *text)
{
	open_blocks(out, m->can.system_in_history ? "system" : "user");
	tagged_block(out, "state", text);
	buf_adds(out, "]}");
}

static void note(const struct provider_model *m, struct buf *out, const char *text)
{
	(void)m;
	open_blocks(out, "user");
	tagged_block(out, "note", text);
	buf_adds(out, "]}");
}

static void mark(const struct provider_model *m, struct buf *out)
{
	(void)m;
	out->len -= strlen(END);
	buf_adds(out, MARK END);
}

static void tail(const struct provider_model *m, struct buf *out, const struct model_request *r)
{
	buf_adds(out, "]");
	if (r->ntools && r->final)
		buf_adds(out, ",\"tool_choice\":{\"type\":\"none\"}");
	else if (r->ntools && m->can.parallel_calls == 0)
		buf_adds(
		    out, ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}");
	buf_adds(out, "}");
}

static void go_on(struct buf *out, const char *content)
{
	buf_printf(out, ",{\"role\":\"assistant\",\"content\":%s}", content);
}

const struct dialect anthropic_dialect = {
	.name = "anthropic",
	.path = "/messages",
	.base_url = "https://api.anthropic.com/v1",
	.reader = &reader_anthropic,
	.head = head,
	.render = render,
	.state = state,
	.note = note,
	.mark = mark,
	.tail = tail,
	.go_on = go_on,
	.begins = (const char *const[]){ ",{\"role\":\"user\",\"content\":[",
	    ",{\"role\":\"assistant\",\"content\":[", NULL },
	.closed = "]}",
	.between = ",",
};
