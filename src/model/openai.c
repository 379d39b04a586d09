/* OpenAI's Chat Completions, as a request: what OpenAI takes and what the many take that speak it
 * too.  Content is always plain text; where they differ, capabilities.h says so. */
#include "base/mem.h"
#include "base/text.h"
#include "model/provider_inside.h"

#include <string.h>

#define SHORT_ID 9

/* Nine letters and digits, as Mistral wants them: from our own id, so the same every time. */
static void short_id(struct buf *out, const char *id)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	uint64_t h = 0xcbf29ce484222325u;
	char s[SHORT_ID];

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * 0x100000001b3u;
	for (int i = 0; i < SHORT_ID; i++, h /= 36)
		s[i] = letters[h % 36];
	buf_add(out, s, SHORT_ID);
}

static void call_id(const struct provider_model *m, struct buf *out, const char *id)
{
	if (m->can.short_ids)
		short_id(out, id);
	else
		body_chars(out, id);
}

static void open_text(struct buf *out, const char *role)
{
	buf_printf(out, ",{\"role\":\"%s\",\"content\":\"", role);
}

static void close_text(struct buf *out)
{
	buf_adds(out, "\"}");
}

static void call(const struct provider_model *m, struct buf *out, const struct wire_call *c)
{
	struct buf text = { 0 };

	buf_adds(out, "{\"id\":\"");
	call_id(m, out, c->id);
	buf_adds(out, "\",\"type\":\"function\",\"function\":{\"name\":\"");
	body_tool_name(out, c->name);
	buf_adds(out, "\",\"arguments\":\"");
	json_write(&text, c->arguments);
	json_write_chars(out, text.data, text.len);
	buf_adds(out, "\"}}");
	buf_done(&text);
}

static void calls(const struct provider_model *m, struct buf *out, const struct wire_message *w)
{
	buf_adds(out, ",\"tool_calls\":[");
	for (int i = 0; i < w->n; i++) {
		if (i)
			buf_adds(out, ",");
		call(m, out, &w->calls[i]);
	}
	buf_adds(out, "]");
}

/* Its own reasoning (reader_openai.c): members of the message, by their names. */
static void reasoning(const struct provider_model *m, struct buf *out, const struct wire_message *w)
{
	const char *key;
	json_t *value;

	if (!m->can.reasoning_replay || !json_is_object(w->opaque) ||
	    !text_is(w->origin, m->model.name))
		return;
	json_object_foreach (json_unconst(w->opaque), key, value) {
		buf_adds(out, ",\"");
		body_chars(out, key);
		buf_adds(out, "\":");
		json_write(out, value);
	}
}

static void ai(const struct provider_model *m, struct buf *out, const struct wire_message *w)
{
	buf_adds(out, ",{\"role\":\"assistant\"");
	reasoning(m, out, w);
	if (w->text) {
		buf_adds(out, ",\"content\":\"");
		body_foreign(out, w->text, strlen(w->text));
		buf_adds(out, "\"");
	} else {
		buf_adds(out, ",\"content\":null");
	}
	if (w->n)
		calls(m, out, w);
	buf_adds(out, "}");
}

static void results(const struct provider_model *m, struct buf *out, const struct wire_message *w)
{
	for (int i = 0; i < w->n; i++) {
		buf_adds(out, ",{\"role\":\"tool\",\"tool_call_id\":\"");
		call_id(m, out, w->results[i].id);
		buf_adds(out, "\",\"content\":\"");
		body_foreign(out, w->results[i].text, strlen(w->results[i].text));
		close_text(out);
	}
}

static void tagged(
    const struct provider_model *m, struct buf *out, const char *tag, const char *text)
{
	open_text(out, m->can.system_in_history ? "system" : "user");
	buf_printf(out, "<%s>", tag);
	body_foreign(out, text, strlen(text));
	buf_printf(out, "</%s>", tag);
	close_text(out);
}

static void state(const struct provider_model *m, struct buf *out, const char *text)
{
	tagged(m, out, "state", text);
}

static void note(const struct provider_model *m, struct buf *out, const char *text)
{
	tagged(m, out, "note", text);
}

static void render(const struct wire_dialect *d, struct buf *out, const struct wire_message *w)
{
	const struct provider_model *m = container_of(d, struct provider_model, wire);

	switch (w->role) {
	case WIRE_CUSTOMER:
		open_text(out, "user");
		body_foreign(out, w->text, strlen(w->text));
		close_text(out);
		break;
	case WIRE_AI: ai(m, out, w); break;
	case WIRE_RESULTS: results(m, out, w); break;
	case WIRE_PERSON:
		open_text(out, "assistant");
		body_person(out, w);
		close_text(out);
		break;
	case WIRE_NOTE: note(m, out, w->text); break;
	case WIRE_RECAP:
		open_text(out, "user");
		body_recap(out, w);
		close_text(out);
		break;
	}
}

/* The rest of the body. */

static void tools(struct buf *out, const struct model_request *r)
{
	if (!r->ntools)
		return;
	buf_adds(out, ",\"tools\":[");
	for (int i = 0; i < r->ntools; i++) {
		buf_adds(out, i ? "," : "");
		buf_adds(out, "{\"type\":\"function\",\"function\":{\"name\":\"");
		body_tool_name(out, r->tools[i].name);
		buf_adds(out, "\"");
		body_member(out, "description", r->tools[i].description);
		buf_adds(out, ",\"parameters\":");
		json_write(out, r->tools[i].parameters);
		buf_adds(out, "}}");
	}
	buf_adds(out, "]");
}

/* With tools, and with sampling, some take no effort but one. */
static const char *effort(const struct capabilities *can, const struct model_request *r)
{
	return can->effort_with_tools && (r->ntools || can->sampling) ? can->effort_with_tools
								      : can->effort;
}

static void head(const struct provider_model *m, struct buf *out, const struct model_request *r)
{
	buf_adds(out, "{\"model\":\"");
	body_chars(out, m->id);
	buf_printf(
	    out, "\",\"%s\":%d", m->can.token_field, r->answer_tokens + m->can.thinking_tokens);
	if (m->provider->stream)
		buf_adds(out, ",\"stream\":true");
	if (m->provider->stream && m->can.usage_option)
		buf_adds(out, ",\"stream_options\":{\"include_usage\":true}");
	body_member(out, "reasoning_effort", effort(&m->can, r));
	body_sampling(out, m->can.sampling);
	tools(out, r);
	if (r->ntools && m->can.parallel_calls >= 0)
		buf_printf(
		    out, ",\"parallel_tool_calls\":%s", m->can.parallel_calls ? "true" : "false");
	buf_adds(out, ",\"messages\":[{\"role\":\"system\",\"content\":\"");
	body_chars(out, r->instructions);
	close_text(out);
}

static void tail(const struct provider_model *m, struct buf *out, const struct model_request *r)
{
	buf_adds(out, "]");
	if (r->ntools && r->final)
		buf_adds(out, ",\"tool_choice\":\"none\"");
	if (m->can.cache_key)
		body_member(out, "prompt_cache_key", r->conversation);
	buf_adds(out, "}");
}

const struct dialect openai_dialect = {
	.name = "openai",
	.path = "/chat/completions",
	.base_url = "https://api.openai.com/v1",
	.reader = &reader_openai,
	.head = head,
	.render = render,
	.state = state,
	.note = note,
	.tail = tail,
	.begins = (const char *const[]){ ",{\"role\":\"user\",\"content\":\"",
	    ",{\"role\":\"assistant\",\"content\":\"", NULL },
	.closed = "\"}",
	.between = "\\n\\n",
};
